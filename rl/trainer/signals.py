"""What a training run does when it is sent a signal.

| signal | what the run does | exit code |
|---|---|---|
| SIGUSR1 | saves a checkpoint and goes on | |
| SIGTERM | saves a checkpoint and ends | 143 |
| SIGINT (Ctrl-C) | the same; a second one, a second later or more, ends it at once | 130 |

Checkpoints fall on the ends of rounds, so each is heeded at the end of the current round, on all ranks
at the same step, whichever of them it was sent to. The same command then goes on to the very result of
a run that never ended. Whoever sends SIGTERM should leave time for a round; without it, as after
kill -9, what was done since the last checkpoint is done again, and nothing else is lost.

Before and after training, while a model is loaded or evaluated, nothing would have to be saved: SIGUSR1
is answered with a line, and the others do what they do to any process.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerCallback

ENDING = (signal.SIGTERM, signal.SIGINT)
NOTHING = "SIGUSR1: nothing is being trained now, so there is nothing to save"
SAME_PRESS = 1.0
"""Seconds in which a second SIGINT is the first one's echo: the terminal's, passed on by a launcher too."""


class Stopped(SystemExit):
    """The run was told to end, and what it had done is saved. The exit code is 128 + the signal, as a shell has it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number).name


@contextmanager
def passed_over() -> Iterator[None]:
    """Outlive SIGUSR1 in this block, saving nothing; only a process's main thread can hear it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGUSR1, lambda number, frame: _say(NOTHING))
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


class Signals(TrainerCallback):
    """Heeds signals at the end of each round of `round_steps` optimiser steps."""

    def __init__(self, round_steps: int) -> None:
        self.round_steps = round_steps
        self.ending = False
        """Whether training ends early because of a signal."""
        self._save = False
        self._end = 0
        self._pressed: float | None = None

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Hear signals in this block; only a process's main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGUSR1, *ENDING)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def end_if_told(self) -> None:
        """To be called on every rank. Errors: Stopped, on all of them, where one was told to end."""
        _, number = self._agreed()
        if number:
            raise Stopped(number)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.round_steps:
            return
        save, number = self._agreed()
        self.ending = bool(number)
        control.should_save |= save or self.ending
        control.should_training_stop |= self.ending

    def _hear(self, number: int, _: object) -> None:
        if number == signal.SIGUSR1:
            self._save = True
            _say("SIGUSR1: saving at the end of this round")
            return
        now = time.monotonic()
        if number == signal.SIGINT:
            self._pressed = self._pressed or now
            if now - self._pressed > SAME_PRESS:
                raise KeyboardInterrupt
        if not self._end:
            again = "; again to end at once" if number == signal.SIGINT else ""
            _say(f"{signal.Signals(number).name}: saving and ending at the end of this round{again}")
            self._end = number

    def _agreed(self) -> tuple[bool, int]:
        """Whether any rank was told to save, and by which signal one was told to end, 0 if by none."""
        own, self._save = (self._save, self._end), False
        ranks = gather_object([own])
        return any(save for save, _ in ranks), max(number for _, number in ranks)


def _say(line: str) -> None:
    """From a signal handler, which may interrupt a `print`."""
    if os.environ.get("RANK", "0") == "0":
        os.write(2, f"{line}\n".encode())
