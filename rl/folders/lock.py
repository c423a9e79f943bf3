"""One process group a run folder: two would spoil it."""

from __future__ import annotations

import fcntl
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from accelerate.utils import broadcast_object_list

from rl.errors import UserError
from rl.ranks import is_main_process

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which is made where it is missing; on every rank, or UserError on every rank.

    The kernel lets go of the lock when the process ends, kill -9 included; the file stays behind and
    means nothing by itself.
    """
    held: IO[str] | None = None
    refusal: list[str | None] = [None]
    if is_main_process():
        try:
            held = _take(folder)
        except UserError as error:
            refusal = [str(error)]
    broadcast_object_list(refusal)
    if refusal[0] is not None:
        raise UserError(refusal[0])
    try:
        yield
    finally:
        if held is not None:
            held.close()


def _take(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / LOCK).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise UserError(f"{folder} is being trained by {holder}; wait for it, or choose another --out") from None
    except OSError as error:  # a file system without locks
        warnings.warn(f"cannot lock {folder} ({error}): make sure that nothing else trains there", stacklevel=2)
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file


def holder(folder: Path) -> str | None:
    """Who trains in a run's folder now, as its lock says; None: nobody. Does not get in the way of who starts to."""
    try:
        file = (folder / LOCK).open("r")
    except OSError:
        return None
    with file:
        text = file.read().strip()
        if not _may_live(text):
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return text
        except OSError:  # a file system without locks
            return text
    return None


def _may_live(holder: str) -> bool:
    """Whether the process that a lock names can be there: one of another host can."""
    words = holder.split()
    if len(words) != 4 or words[3] != socket.gethostname():
        return bool(words)
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
