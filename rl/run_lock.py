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

from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from rl.errors import UserError

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which is made where it is missing; on every rank, or UserError on every rank.

    The kernel lets go of the lock when the process ends, kill -9 included; the file stays behind and
    means nothing by itself.
    """
    held: IO[str] | None = None
    refusal: list[str | None] = [None]
    if PartialState().is_main_process:
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
