"""Commands of `lengthwise` in processes of their own, which are ended under way and begun again.

They are forked from a process that has imported them already, so that no kill is spent on imports, where nothing is on
the disk yet.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import torch

from rl.cli import run_command

PLACE = "{place}"
"""Stands in a command for the folder or file that it writes."""


@dataclass(frozen=True)
class Command:
    """Words of a command, to be given to several places."""

    words: Sequence[str]

    def start(self, place: Path) -> ForkServerProcess:
        """Begin, or go on, in a process of its own; what it prints is added to `log_of(place)`."""
        return _started(_run, [word.replace(PLACE, str(place)) for word in self.words], log_of(place))

    def finish(self, place: Path) -> None:
        """Let it come to its end. A crash by a signal is one more kill, and printed, but three of them are an error."""
        for _ in range(3):
            ended = self.end(place, lambda: False)
            if not ended:
                return
            if ended > 0:
                break
            print(
                f"{place.name} crashed by {signal.Signals(-ended).name}: {log_of(place).read_text()}", file=sys.stderr
            )
        raise RuntimeError(f"{place} does not come to its end: {log_of(place).read_text()}")

    def kill(self, place: Path, due: Callable[[], bool]) -> bool:
        """Go on until `due`, then kill -9; whether that ended it, and it did not come to its end before."""
        ended = self.end(place, due)
        if ended > 0:
            raise RuntimeError(f"{place} ended with exit code {ended}: {log_of(place).read_text()}")
        return ended < 0

    def end(self, place: Path, due: Callable[[], bool], number: int = signal.SIGKILL) -> int:
        """Go on until `due`, then send the signal. The exit code; minus the signal where that did it."""
        process = self.start(place)
        while process.is_alive() and not due():
            time.sleep(0.001)
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, number)
        process.join()
        assert process.exitcode is not None
        return process.exitcode


def training(recipe: str, overrides: Sequence[str] = ()) -> Command:
    """`lengthwise train` of one recipe."""
    return Command(("train", recipe, *overrides, "--out", PLACE, "--quiet"))


def log_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.log")


def import_ahead() -> None:
    """Wait for the process that the others are forked from."""
    _started(int).join()


def _started(function: Callable[..., object], *arguments: Any) -> ForkServerProcess:
    context = get_context("forkserver")
    context.set_forkserver_preload(["rl.run.train", "rl.cli"])
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def _run(words: list[str], log: Path) -> None:
    """The command, in its process."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    printed = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    faulthandler.enable()
    run_command(words)
