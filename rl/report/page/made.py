"""How a page came about: how long its runs trained, on what machine it was written, by which command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rl.report.runs import Run
from rl.secrecy import clean

LISTED = 12
"""Runs whose time is told one by one."""


def made(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """What is told, each with its name. The machine is the one that writes: of a run's own report, the run's."""
    told = [("trained for", trained_for(runs))] if runs else []
    return [*told, ("machine", machine()), ("command", command(sys.argv))]


def trained_for(runs: Sequence[Run]) -> str:
    """Optimiser steps and their rollouts, without evaluations and breaks."""
    seconds = [sum(line.get("step_time") or 0.0 for line in run.metrics) for run in runs]
    if len(runs) == 1:
        return spoken(seconds[0])
    if len(runs) > LISTED:
        return f"{spoken(sum(seconds))} in all, {spoken(min(seconds))} to {spoken(max(seconds))} a run"
    return ", ".join(f"{run.label} {spoken(each)}" for run, each in zip(runs, seconds, strict=True))


def spoken(seconds: float) -> str:
    """A time as people say it: two of its units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def machine() -> str:
    """Processors, system and, where torch is there already, what GPUs it sees."""
    cores = os.cpu_count() or 1
    told = f"{cores} CPU core{'s' * (cores > 1)}, {platform.machine()}, {platform.system()}"
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return told
    return f"{torch.cuda.device_count()} × {torch.cuda.get_device_name()}; {told}"


def command(arguments: Sequence[str]) -> str:
    """The command of this process, without secrets that may stand in it."""
    if not arguments:
        return "none: from Python"
    return clean(shlex.join([Path(arguments[0]).name, *arguments[1:]]))
