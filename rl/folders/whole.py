"""A file or folder that is there whole or not at all: written under another name beside it, then moved to its place."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rl.errors import UserError
from rl.folders.checkpoints import sync, sync_all
from rl.scratch import Scratch


def require_new(out: Path) -> None:
    """Errors: UserError when `out` is there and not an empty folder, or nothing can be made beside it."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already and not an empty folder; choose another --out")
    if out.exists() and (out.is_mount() or out.samefile(Path.cwd())):
        raise UserError(f"{out} cannot be put in place as a whole; choose a new folder for --out, in it for example")
    above = next(place for place in out.absolute().parents if place.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UserError(f"cannot write {out}: {above} is no folder that may be written to")


@contextlib.contextmanager
def whole_file(path: Path, beside: str | None = None) -> Iterator[Path]:
    """Gives a path to write that becomes `path` at the end, on the disk; an error on the way leaves neither.

    What is written is named `beside`, or as `path` with `.tmp`: what a kill leaves is written over by the next.
    """
    temporary = path.with_name(beside or path.name + ".tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def whole_folder(out: Path, needed: int = 0) -> Iterator[Path]:
    """Gives a temporary folder that becomes `out` at the end; an error on the way leaves neither.

    `needed` is what it will hold, in bytes. Errors: UserError when `out` is not new, or the disk
    has no room for it or refuses a write.
    """
    out = out.absolute()  # `.` has no name
    require_new(out)
    made = [place for place in out.absolute().parents if not place.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out.parent).free
        if free < needed:
            raise UserError(f"cannot write {out}: it takes {needed / 1e9:.2f} GB and {free / 1e9:.2f} GB are free")
        with Scratch(f".{out.name}", out.parent) as temporary:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            sync_all(temporary)
            temporary.rename(out)
            sync(out.parent)
    except OSError as error:
        _remove_empty(made)
        raise UserError(f"cannot write {out}: {error.strerror or error}; nothing was written") from error
    except BaseException:
        _remove_empty(made)
        raise


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
