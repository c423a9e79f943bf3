"""What the commands write: numbers as JSON, and a progress bar on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rl.errors import UserError
from rl.terminal import console, say

PICTURES = {".png": b"\x89PNG", ".svg": b"<?xml"}
MOST = 1 << 26
"""Bytes of a file of numbers: more than any command writes."""


def require_place(path: Path | None) -> None:
    """Errors: UserError when a file cannot be written because its folder is not there, or one of another kind is."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: its folder does not exist")
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder")
    if path.is_file() and path.stat().st_size and not _is_of_kind(path):
        raise UserError(f"{path} is there already and is not what this command writes; move it, or give another name")


def _is_of_kind(path: Path) -> bool:
    """Whether a file is a picture where one is to be written; else whether it is one JSON value."""
    begins = PICTURES.get(path.suffix.lower())
    with path.open("rb") as file:
        if begins is not None:
            return file.read(len(begins)) == begins
        try:
            return isinstance(json.loads(file.read(MOST)), dict | list)
        except (ValueError, RecursionError):
            return False


def write_json(path: Path | None, values: object) -> None:
    """JSON to a file, or to the terminal without one."""
    text = json.dumps(values, indent=None if path else 2, allow_nan=False)
    if path is None:
        say(text)
    else:
        _write(path, text)


def write_summary(path: Path | None, values: object) -> None:
    """What a training comes to, in the form of its own summary.json, to a file if one is asked for."""
    if path:
        _write(path, json.dumps(values, indent=2))


def _write(path: Path, text: str) -> None:
    """A file whole or not at all; to a pipe or a terminal, as it is."""
    from rl.folders.whole import whole_file

    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: its folder does not exist")
    try:
        if path.exists() and not path.is_file():
            path.write_text(text)
        else:
            with whole_file(path) as temporary:
                temporary.write_text(text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def progress(what: str, total: int | None, hidden: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where that is a terminal; gives what to call with the number of steps done."""
    from rich.progress import Progress

    shown = console(error=True)
    with Progress(console=shown, disable=hidden or not shown.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
