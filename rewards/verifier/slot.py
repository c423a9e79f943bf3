"""One worker process and the zygote it is forked from, as their parent sees them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import rewards

BOOT_SECONDS = 60.0

Item = tuple[str, str]
"""A gold answer, and the answer or text to judge by it."""


class JudgeNotLoaded(Exception):
    """The judge could not be imported or made; the message says why."""


class Slot:
    """A zygote and the worker forked from it, either of which may be dead or not there yet."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self.zygote: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.connection: socket.socket | None = None
        self.pid: int | None = None
        """The worker's, once it has said hello."""
        self.item: int | None = None
        self.allowed = self.deadline = 0.0
        """Seconds for the item, and when they are over."""
        self.served = 0
        self.dead = False
        self._failures = 0
        self._buffer = b""

    def ensure(self) -> None:
        """Have a worker, or one on its way."""
        if self.connection is not None:
            return
        if self.zygote is None:
            self._start_zygote()
        ours, theirs = socket.socketpair()
        assert self.control is not None
        # A zygote that is gone shows as the end of `ours`.
        with theirs, contextlib.suppress(OSError):
            socket.send_fds(self.control, [b"w"], [theirs.fileno()])
        self.connection, self._buffer = ours, b""
        self.pid, self.served, self.dead = None, 0, False
        self.connection.settimeout(BOOT_SECONDS)

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair()
        # -P and our own folder first: nothing may shadow our packages; what the parent imports, the child can.
        path = [str(Path(rewards.__file__).parents[1]), *sys.path]
        with theirs:
            self.zygote = subprocess.Popen(
                [sys.executable, "-P", "-m", "rewards.verifier.zygote", str(theirs.fileno()), *self.command],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            )
        self.control = ours

    def give(self, place: int, item: Item, seconds: float) -> None:
        """Send an item; its time runs from when the worker is up."""
        self.ensure()
        assert self.connection is not None
        self.item, self.allowed = place, seconds
        self.deadline = time.monotonic() + (BOOT_SECONDS if self.pid is None else seconds)
        with contextlib.suppress(OSError):  # shows as the end of the connection
            self.connection.sendall(json.dumps(item).encode() + b"\n")

    def replies(self) -> list[tuple[str, str | None]]:
        """What the worker has said since; sets `dead` at its end."""
        assert self.connection is not None
        try:
            read = self.connection.recv(65536)
        except OSError:
            read = b""
        self.dead = not read
        *lines, self._buffer = (self._buffer + read).split(b"\n")
        found = []
        for line in lines:
            message = json.loads(line)
            if isinstance(message, int):
                self.pid, self._failures = message, 0
                self.deadline = time.monotonic() + self.allowed
            else:
                found.append((message[0], message[1]))
        if self.dead and self.pid is None:
            self._explain_failure()
        return found

    def _explain_failure(self) -> None:
        """A worker that never came up: raise the zygote's own words, or have a new one."""
        assert self.control is not None
        self.control.settimeout(1)
        try:
            message = self.control.recv(2000).decode()
        except OSError:
            message = ""
        self.end_zygote()
        if message:
            raise JudgeNotLoaded(message)
        self._failures += 1
        if self._failures > 100:
            raise JudgeNotLoaded("its worker processes end before they are up")

    def drop_worker(self) -> None:
        """End the worker, whatever it is doing."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if self.connection is not None:
            self.connection.close()
        self.connection, self.pid, self.item = None, None, None

    def end_zygote(self) -> None:
        if self.control is not None:
            self.control.close()
        if self.zygote is not None:
            self.zygote.kill()
            self.zygote.wait()
        self.zygote = self.control = None

    def close(self) -> None:
        self.drop_worker()
        self.end_zygote()
