"""One process group a run folder: two would spoil it.

What is held is the folder itself, not a name in it: a lock file can be deleted, and whoever makes it anew would hold
another one. The file says who holds the folder, and stands in for it where a file system locks files alone.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rl.errors import UserError

LOCK = ".lock"
GLANCES, GLANCE = 4, 0.05
"""How often, and seconds."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which is made where it is missing; on every rank, or UserError on every rank.

    The kernel lets go of the lock when the process ends, kill -9 included; the file stays behind and
    means nothing by itself.
    """
    from accelerate.utils import broadcast_object_list  # torch: who only looks at a folder need not wait for it

    from rl.ranks import is_main_process

    with ExitStack() as held:
        refusal: list[str | None] = [None]
        if is_main_process():
            try:
                held.enter_context(_take(folder))
            except UserError as error:
                refusal = [str(error)]
        broadcast_object_list(refusal)
        if refusal[0] is not None:
            raise UserError(refusal[0])
        yield


def _take(folder: Path) -> ExitStack:
    """What lets go of the folder when it is closed."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        place = _opened(folder, os.O_RDONLY, held)
        whole = _flock(place, fcntl.LOCK_EX)
        for _ in range(GLANCES):  # somebody may only be looking who holds it
            if whole is False:
                time.sleep(GLANCE)
                whole = _flock(place, fcntl.LOCK_EX)
        file = None if whole is False else _opened(folder / LOCK, os.O_RDWR | os.O_CREAT, held)
        named = False if file is None else _flock(file, fcntl.LOCK_EX)
        if file is None or named is False:
            by = _said(folder) or "another process"
            raise UserError(f"{folder} is being trained by {by}; wait for it, or choose another --out")
        if whole is None and named is None:
            warnings.warn(f"cannot lock {folder}: make sure that nothing else trains there", stacklevel=2)
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return held.pop_all()


def require_held(folder: Path, place: os.stat_result) -> None:
    """Errors: UserError where `folder` is not what it was at `place`: what is written by name would go elsewhere."""
    try:
        now = folder.stat()
    except OSError:
        now = None
    if now is None or (now.st_dev, now.st_ino) != (place.st_dev, place.st_ino):
        raise UserError(f"{folder} was deleted or replaced while it was being trained; nothing more is written to it")


def holder(folder: Path) -> str | None:
    """Who trains in a run's folder now; None: nobody. Does not get in the way of who starts to."""
    with ExitStack() as held:
        text = _said(folder)
        for path in (folder, folder / LOCK):
            try:
                file = _opened(path, os.O_RDONLY, held)
            except OSError:
                continue
            free = _flock(file, fcntl.LOCK_SH) if not text or _may_live(text) else True
            if free is False:
                return text or "another process"
            if free is None and path.name == LOCK and _may_live(text):  # a file system without locks
                return text
    return None


def _opened(path: Path, flags: int, held: ExitStack) -> int:
    file = os.open(path, flags | os.O_CLOEXEC, 0o666)
    held.callback(os.close, file)
    return file


def _flock(file: int, kind: int) -> bool | None:
    """Whether the lock was taken; None: there are none for such a file."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _said(folder: Path) -> str:
    try:
        return (folder / LOCK).read_text(errors="replace").strip()
    except OSError:
        return ""


def _may_live(holder: str) -> bool:
    """Whether the process that a lock names can be there: one of another host can."""
    words = holder.split()
    if len(words) != 4 or words[3] != socket.gethostname():
        return bool(words)
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):
        return True
    return True
