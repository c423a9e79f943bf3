"""Checkpoints that are there whole or not at all, and which of them a run goes on from.

A checkpoint is written below `_writing`, then made durable and moved to its place, and only then are
older ones deleted. Our own state, plain JSON, is its last file: it lists size and SHA-256 (of each GiB) of every
other file and ends with its own, so a checkpoint of which any bit was damaged is known, too.

A checkpoint's place in the metrics is its step: the lines up to it were on the disk before it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from rl.digests import block_digests, digest_of

STATE_FILE = "length_state.json"
OF_MODELS = (".safetensors", ".json", ".jinja")
"""Suffixes of what a checkpoint holds of its model; the rest is for going on."""
LEVELS = 4
"""Of a state's text that is written piece by piece: down to each group of rollouts."""
TOGETHER = 16
"""Entries of the last level that are a piece: a history has a million small ones, a round some large."""
SEAL = ', "sha256": "'
"""Before the digest of a state's own text."""
WRITING = "_writing"
"""Holds checkpoints that are being written. TRL does not upload folders that begin with `_`."""


def write(folder: Path, state: dict[str, Any], known: Mapping[str, list[str]] | None = None) -> None:
    """Add the state file to a checkpoint that has all its other files, and make all of it durable.

    `known` are digests of files by their names; those of the others are made while the disk takes them in.
    """
    names = {str(path.relative_to(folder)): path for path in _files(folder)}
    known = known or {}
    with ThreadPoolExecutor(1) as beside:
        durable = beside.submit(sync_all, folder)
        found = block_digests(path for name, path in names.items() if name not in known)
        durable.result()
    files = {n: {"bytes": p.stat().st_size, "sha256": known.get(n) or found[p]} for n, p in names.items()}
    temporary = folder / (STATE_FILE + ".tmp")
    with temporary.open("wb") as file:
        file.writelines(_sealed({"files": files, "state": state}))
    sync(temporary)
    temporary.rename(folder / STATE_FILE)
    sync(folder)


def share(folder: Path, rank: int, ranks: int) -> dict[str, list[str]]:
    """The digests of this rank's share of a checkpoint's files, by name: of every so many-th, the largest first."""
    files = sorted(_files(folder), key=lambda path: (-path.stat().st_size, path))
    return {str(path.relative_to(folder)): found for path, found in block_digests(files[rank::ranks]).items()}


def commit(
    root: Path,
    name: str,
    state: dict[str, Any],
    keep: int | None,
    known: Mapping[str, list[str]] | None = None,
    every: int | None = None,
) -> None:
    """Finish `root`/_writing/`name`, move it to `root`/`name`, and only then delete all but the `keep` newest.

    Those at multiples of `every` steps stay, too, and are not counted once they are old.
    """
    written, place = root / WRITING / name, root / name
    write(written, state, known)
    if place.exists():  # damaged, or it would have been the one to go on from
        shutil.rmtree(place)
    written.rename(place)
    sync(root)
    if keep and keep > 0:
        passing = [path for path in _all(root) if path != place and (not every or step(path) % every)]
        for old in sorted(passing, key=step, reverse=True)[keep - 1 :]:
            shutil.rmtree(old)


def read(folder: Path) -> dict[str, Any]:
    """The state of a whole checkpoint."""
    state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text())["state"]
    return state


@dataclass(frozen=True)
class Found:
    """The checkpoint to go on from, and the newer ones that are not whole, with what is wrong."""

    used: Path | None
    skipped: dict[str, str]

    def __str__(self) -> str:
        start = f"from {self.used.name}" if self.used else "from the start"
        skipped = "; ".join(f"skipped {name} ({fault})" for name, fault in self.skipped.items())
        return start + (f"; {skipped}" if skipped else "")


def find(root: Path, spoiled: Callable[[Path], str | None] = lambda checkpoint: None) -> Found:
    """The newest whole checkpoint below `root` of which `spoiled` says nothing."""
    skipped = {path.name: "it was still being written" for path in _all(root / WRITING)}
    for path in sorted(_all(root), key=step, reverse=True):
        wrong = fault(path) or spoiled(path)
        if wrong is None:
            return Found(path, skipped)
        skipped[path.name] = wrong
    return Found(None, skipped)


def faults(root: Path) -> dict[str, str]:
    """What is wrong with each checkpoint below `root` that is not whole."""
    return {path.name: wrong for path in sorted(_all(root), key=step) if (wrong := fault(path))}


def latest(root: Path) -> Path | None:
    """The newest checkpoint below `root` that is not torn, if any; its bits are not looked at, which takes longer."""
    return next((path for path in sorted(_all(root), key=step, reverse=True) if torn(path) is None), None)


def remove_torn(root: Path, found: Found | None = None) -> None:
    """Delete what `find` skips, or did: the run writes those steps again."""
    shutil.rmtree(root / WRITING, ignore_errors=True)
    found = found or find(root)
    for name in found.skipped:
        if root / name != found.used:  # it was being written a second time
            shutil.rmtree(root / name, ignore_errors=True)


def fault(checkpoint: Path, suffixes: Collection[str] | None = None) -> str | None:
    """What is wrong with a checkpoint; None: it is whole. Every bit is looked at, or those of some suffixes."""
    return torn(checkpoint, suffixes) or _damaged(checkpoint, suffixes)


def torn(checkpoint: Path, suffixes: Collection[str] | None = None) -> str | None:
    """What is wrong with a checkpoint as far as its state and the sizes of its files, or of some suffixes, tell."""
    try:
        files = _listed(checkpoint)
    except FileNotFoundError:
        return f"{STATE_FILE} is missing"
    except (ValueError, LookupError, TypeError, AttributeError, OSError):
        return f"{STATE_FILE} cannot be read"
    for name, (size, _) in files.items():
        path = checkpoint / name
        if suffixes is not None and path.suffix not in suffixes:
            continue
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes, not {size}"
    return None


def _damaged(checkpoint: Path, suffixes: Collection[str] | None) -> str | None:
    known = {checkpoint / name: digest for name, (_, digest) in _listed(checkpoint).items() if digest}
    files = [path for path in known if suffixes is None or path.suffix in suffixes]
    try:
        found = block_digests(files)
    except OSError as error:
        return f"{error.filename or 'a file'} cannot be read: {error.strerror}"
    wrong = next((path for path in files if found[path] != known[path]), None)
    return f"{wrong.relative_to(checkpoint)} is damaged: not the bits that were written" if wrong else None


def _listed(checkpoint: Path) -> dict[str, tuple[int, list[str] | None]]:
    """Size and digest of each file; checkpoints of before there were digests list sizes alone, and have no seal."""
    text = (checkpoint / STATE_FILE).read_text()
    files = json.loads(text)["files"]
    if any(isinstance(entry, dict) for entry in files.values()) and not _is_sealed(text):
        raise ValueError("not the text that was written")
    return {n: (e["bytes"], e["sha256"]) if isinstance(e, dict) else (e, None) for n, e in files.items()}


def _sealed(value: dict[str, Any]) -> Iterator[bytes]:
    """A JSON object with the digest of its text as its last value, in pieces."""
    found, last = hashlib.sha256(), b""
    for piece in _pieces(value, LEVELS):
        yield last
        last = piece.encode()
        found.update(last)
    found.update(b"\n")
    yield last[:-1] + f'{SEAL}{found.hexdigest()}"}}'.encode()


def _pieces(value: Any, levels: int) -> Iterator[str]:
    """What `json.dumps` makes of a value, entry by entry of so many levels, of the last one some at a time."""
    if not levels or not value or not isinstance(value, dict | list):
        yield json.dumps(value)
        return
    begin, end = "{}" if isinstance(value, dict) else "[]"
    if levels > 1:
        # As json.dumps makes texts of keys that are none.
        keys = (json.dumps({key: 0})[1:-2] for key in value) if isinstance(value, dict) else repeat("")
        for key, entry in zip(keys, value.values() if isinstance(value, dict) else value, strict=False):
            yield begin + key
            yield from _pieces(entry, levels - 1)
            begin = ", "
    else:
        entries = iter(value.items() if isinstance(value, dict) else value)
        while some := list(islice(entries, TOGETHER)):
            yield begin + json.dumps(dict(some) if isinstance(value, dict) else some)[1:-1]
            begin = ", "
    yield end


def _is_sealed(text: str) -> bool:
    body, _, seal = text.rpartition(SEAL)
    return seal == f'{digest_of([body + "}"])}"}}'


def step(checkpoint: Path) -> int:
    """The optimiser step a checkpoint was taken after."""
    return int(checkpoint.name.rpartition("-")[2])


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder, before anything is built on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """The same for all that is in a folder."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def _all(root: Path) -> list[Path]:
    return [path for path in root.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != STATE_FILE]
