"""A history in a file that several processes share: a line an observation, added under a lock, never changed.

Whoever adds reads first what others have added. A line that a kill cut short is passed over. A step that a trainer
resumes is not observed twice: a problem's line says up to which step it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from typing import Any

from rewards import History
from rewards.history import Entry
from rl.errors import UserError
from rl.reading import UNREADABLE
from rl.terminal import say

BEGIN = b'{"problem_id": '
"""Of every line."""
WAIT = 10.0
"""Seconds after which a process that waits for another one's lock says so."""


class HistoryFile:
    """The history of a file, which is made where it is missing.

    Errors: UserError where it cannot be made, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.history = path, _Recorded()
        self.skipped = 0
        """Observations of steps that had been observed."""
        self._read = 0
        self._steps: dict[str, int] = {}
        with self._locked():
            pass

    def refresh(self) -> None:
        """Take in what other processes have added."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise UserError(f"cannot read the history {self.path}: {error.strerror}; it was there before") from error
        if size < self._read:
            raise UserError(f"the history {self.path} is shorter than it was: somebody else wrote it anew")
        if size > self._read:
            with self._locked():
                pass

    def observe(self, visits: Sequence[tuple[str, Callable[[History], None]]], step: int | None) -> None:
        """Let each visit of a problem, by its id, put what its group taught.

        Those of a step that was observed before are skipped; without a step, as where a trainer tells none, none is.
        """
        with self._locked() as file:
            known = dict(self._steps)
            for problem_id, teach in visits:
                if step is not None and step <= known.get(problem_id, -1):
                    self.skipped += 1
                    continue
                self.history.put_now.clear()
                teach(self.history)
                line = {"problem_id": problem_id, "step": step, "put": self.history.put_now}
                file.write(json.dumps(line).encode() + b"\n")
                self._note(line)
            file.flush()
            os.fsync(file.fileno())
            self._read = file.tell()

    @contextmanager
    def _locked(self) -> Iterator[BufferedRandom]:
        """The file, read to its end, and nobody else's."""
        try:
            file = open(self.path, "a+b")  # noqa: SIM115
        except OSError as error:
            raise UserError(f"cannot write the history {self.path}: {error.strerror}") from error
        with file:
            self._lock(file)
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    file.write(b"\n")  # cut short by a kill, since whoever writes holds the lock
                    break
                self._take(line)
            file.seek(0, os.SEEK_END)
            self._read = file.tell()
            yield file

    def _lock(self, file: BufferedRandom) -> None:
        """Errors: UserError for a file system that knows no locks."""
        try:
            until = time.monotonic() + WAIT
            while time.monotonic() < until:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                time.sleep(0.01)
            say(f"lengthwise: another process holds the history {self.path}; waiting for it", error=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise UserError(f"cannot lock the history {self.path}: {error.strerror}; take a folder that can") from error

    def _take(self, text: bytes) -> None:
        try:
            line = json.loads(text)
        except UNREADABLE as error:
            if BEGIN.startswith(text.strip()[: len(BEGIN)]):  # the part of a line that a kill left
                return
            raise self._foreign(text) from error
        try:
            for method, problem_id, entry in line["put"]:
                History.put(self.history, method, problem_id, entry)
            self._note(line)
        except (KeyError, TypeError, ValueError) as error:
            raise self._foreign(text) from error

    def _foreign(self, text: bytes) -> UserError:
        return UserError(f"{self.path} is no history of ours: {text[:60].decode(errors='replace').strip()!r}")

    def _note(self, line: dict[str, Any]) -> None:
        if line["step"] is not None:
            self._steps[line["problem_id"]] = int(line["step"])


class _Recorded(History):
    """A history that notes what is put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.put_now: list[tuple[str, str, Entry]] = []

    def put(self, method: str, problem_id: str, entry: Entry) -> None:
        super().put(method, problem_id, entry)
        self.put_now.append((method, problem_id, dict(entry)))
