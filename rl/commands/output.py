"""What the commands write: numbers as JSON, and a progress bar on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rl.errors import UserError


def require_place(path: Path | None) -> None:
    """Errors: UserError when a file cannot be written because its folder is not there."""
    if path is not None and not path.parent.is_dir():
        raise UserError(f"cannot write {path}: its folder does not exist")


def write_json(path: Path | None, values: object) -> None:
    """JSON to a file, or to the terminal without one."""
    text = json.dumps(values, indent=None if path else 2, allow_nan=False)
    if path is None:
        print(text)
        return
    try:
        path.write_text(text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def write_summary(path: Path | None, values: object) -> None:
    """What a training comes to, in the form of its own summary.json, to a file if one is asked for."""
    if path:
        path.write_text(json.dumps(values, indent=2))


@contextmanager
def progress(what: str, total: int | None, hidden: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error; gives what to call with the number of steps done."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=hidden, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
