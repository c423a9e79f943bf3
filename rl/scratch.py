"""Folders that are there while a process lives. What one that was killed has left, the next one clears."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil

MARK = ".lengthwise-"
"""In the name of each, before its process and what `tempfile` makes up: nothing else has such a name."""
_NAME = re.compile(r".+" + re.escape(MARK) + r"(\d+)-[a-z0-9_]{8}")


class Scratch:
    """A new folder, deleted by `close`; its name begins with `name`, it lies in `above` or where temporary files lie.

    It is locked, and its name says whose it is: others delete it where it is not locked and its process is gone.
    """

    def __init__(self, name: str, above: Path | None = None) -> None:
        place = above or Path(tempfile.gettempdir())
        clear_left(place)
        self.path, self._held = _made(name, place)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None


def clear_left(above: Path | None = None) -> None:
    """Delete the folders in `above` whose processes are gone; where nothing can be locked, none is known to be."""
    for entry in os.scandir(above or tempfile.gettempdir()):
        named = _NAME.fullmatch(entry.name)
        if named is None or psutil.pid_exists(int(named[1])) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            held = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(entry.path, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(held)


def _made(name: str, above: Path) -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{name}{MARK}{os.getpid()}-", dir=above))
        try:
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # just cleared by another process, which took it for left
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            continue
        except OSError:  # a file system without locks
            return path, held
        if path.exists():
            return path, held
        os.close(held)
