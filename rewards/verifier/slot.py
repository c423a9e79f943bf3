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

import psutil

import rewards

BOOT_SECONDS = 60.0
OPTIONS = "LENGTHWISE_JUDGE_OPTIONS"
"""The variable by which a zygote is told the judge's options, as JSON."""
FAR = 10
"""Seconds on the clock, for one of the processor, after which an item is given up although it hardly ran."""
LOADED = 1.5
"""The same ratio from which a machine counts as too busy for its verdict on time to be the last."""

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
        self.allowed = self.begun = self.look = self.deadline = 0.0
        """Processor seconds for the item; on the clock: when it began, is to be looked after, is given up."""
        self.served = 0
        self.dead = False
        self._failures = 0
        self._buffer = b""
        self._before = 0.0
        """Processor seconds that the worker had used when the item came."""

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
        reference, options, memory = self.command
        with theirs:
            self.zygote = subprocess.Popen(
                [sys.executable, "-P", "-m", "rewards.verifier.zygote", str(theirs.fileno()), reference, memory],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                # Options may hold a secret, and everybody on the machine can read a command line.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path), OPTIONS: options},
            )
        self.control = ours

    def give(self, place: int, item: Item, seconds: float) -> None:
        """Send an item, which may take so many seconds of the processor from when the worker is up."""
        self.ensure()
        assert self.connection is not None
        self.item, self.allowed = place, seconds
        if self.pid is None:
            self.look = self.deadline = time.monotonic() + BOOT_SECONDS
        else:
            self._begin()
        with contextlib.suppress(OSError):  # shows as the end of the connection
            self.connection.sendall(json.dumps(item).encode() + b"\n")

    def _begin(self) -> None:
        self.begun = time.monotonic()
        self.look, self.deadline = self.begun + self.allowed, self.begun + FAR * self.allowed

    def is_over(self) -> bool:
        """Whether the item has used up its time; asks the system no sooner than it may have."""
        now = time.monotonic()
        if now < self.look:
            return False
        left = self.allowed - self._used()
        if left <= 0 or now >= self.deadline:
            return True
        self.look = min(self.deadline, now + max(left, 0.01))
        return False

    def was_starved(self) -> bool:
        """Whether the worker wanted the processor and got little of it, of an item whose time is over."""
        if self.pid is None or time.monotonic() - self.begun < LOADED * self.allowed:
            return False
        try:
            return bool(psutil.Process(self.pid).status() != psutil.STATUS_SLEEPING)
        except psutil.NoSuchProcess:
            return False

    def _used(self) -> float:
        """Processor seconds of the item so far; none of a worker that is not up, or gone."""
        if self.pid is None:
            return 0.0
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system) - self._before

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
                self.pid, self._failures, self._before = message, 0, 0.0
                self._begin()
            else:
                verdict, raised, self._before = message
                found.append((verdict, raised))
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
