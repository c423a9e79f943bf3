"""SHA256SUMS: whether what lies in a run's or a released folder is still what was written there.

A release lists every file. A run lists its final model and its answers, each before it comes to its place; a file that
was written again has a line for each time, of which any may hold. `sha256sum -c` reads both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rl.digests import digests
from rl.errors import UserError
from rl.folders.checkpoints import sync
from rl.folders.written import Mark

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_DEPTH = 2
"""Of a file below its run; what lies deeper goes again."""


def write_sums(folder: Path) -> None:
    """List every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    found = digests(files)
    (folder / SUMS).write_text("".join(_line(found[path], path.relative_to(folder).as_posix()) for path in files))


def require_released(folder: Path) -> None:
    """Errors: UserError when a folder is no release, or a file of it is not as it was."""
    if Mark(folder).kind is not None:
        raise UserError(f"{folder} is not a released folder, but a {Mark(folder).kind}: release a model of it first")
    if not (folder / SUMS).is_file():
        raise UserError(f"{folder} is not a released folder: it has no {SUMS}")
    listed = _read(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {SUMS}
    for name in sorted(there ^ set(listed)):
        raise UserError(f"{folder}: {name} {'is not in' if name in there else 'is missing, but in'} {SUMS}")
    found = digests(folder / name for name in listed)
    for name, known in listed.items():
        if found[folder / name] not in known:
            raise UserError(f"{folder}: {name} has changed since it was released")


def note(path: Path, written: Path) -> None:
    """Before `written`, a file or a folder, is moved to `path`: list it in the run that `path` lies in, if any."""
    run = _run_of(path)
    if run is None:
        return
    files = {path: written} if written.is_file() else {path / f.relative_to(written): f for f in _files(written)}
    found = digests(files.values())
    lines = "".join(_line(found[file], name.absolute().relative_to(run).as_posix()) for name, file in files.items())
    with (run / SUMS).open("a+b") as sums:
        whole = _whole(run / SUMS)
        if sums.tell() > whole:  # a crash has cut its last line
            os.truncate(sums.fileno(), whole)
        sums.write(lines.encode())
    sync(run / SUMS)


def damage(path: Path) -> str | None:
    """What is wrong with a file or folder of a run, as far as the run lists it; None: it is what was written."""
    run = _run_of(path.resolve())
    below = None if run is None else path.resolve().relative_to(run)
    if run is None or below is None:
        return None
    listed = {run / name: known for name, known in _read(run).items() if Path(name).is_relative_to(below)}
    missing = next((file for file in listed if not file.is_file()), None)
    if missing is not None:
        return f"{missing.relative_to(run)} is missing"
    try:
        found = digests(listed)
    except OSError as error:
        return f"{error.filename or below} cannot be read: {error.strerror}"
    wrong = next((file for file, known in listed.items() if found[file] not in known), None)
    return f"{wrong.relative_to(run)} is damaged: not the bits that were written, by {SUMS}" if wrong else None


def require_undamaged(path: Path, remedy: str) -> None:
    """Errors: UserError where a file or folder of a run is not what was written; `remedy` says what to do about it."""
    wrong = damage(path)
    if wrong is not None:
        raise UserError(f"{path}: {wrong}; {remedy}")


def _run_of(path: Path) -> Path | None:
    """The folder of the run that a file lies in; None: of none that has a mark."""
    return next((p for p in path.absolute().parents[:_DEPTH] if Mark(p).kind == "run"), None)


def _read(folder: Path) -> Mapping[str, set[str]]:
    """The digests that each file may have."""
    listed: dict[str, set[str]] = {}
    text = (folder / SUMS).read_text(errors="replace") if (folder / SUMS).is_file() else ""
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is not None:
            listed.setdefault(found[2], set()).add(found[1])
    return listed


def _whole(path: Path) -> int:
    """Bytes of whole lines."""
    return path.read_bytes().rfind(b"\n") + 1


def _line(digest: str, name: str) -> str:
    return f"{digest}  {name}\n"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
