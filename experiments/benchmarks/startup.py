"""How long a command takes to start: CPU seconds to its end, or to its first sign of life on a terminal.

    python experiments/benchmarks/startup.py

Each command is a process of its own, in turn with the others, what it starts counted; a Python that does nothing is
their measure. Writes results/startup.json and .md.
"""

from __future__ import annotations

import json
import os
import pty
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from experiments.benchmarks._shared import interleaved, surroundings, write

TURNS = 3
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "80"}
LENGTHWISE = (sys.executable, "-m", "rl.cli")
BARE = "python -c pass"


@dataclass(frozen=True)
class Start:
    """A command as the table shows it, and how it is measured."""

    shown: str
    command: tuple[str, ...]
    status: int = 0
    """Its exit code."""
    first: bool = False
    """Only until something shows on the terminal."""


def starts(folder: Path) -> list[Start]:
    """What is measured; the files are in `folder`. What shows at once does so before runs and models are looked for."""
    compare = ("compare", "runs/one", "runs/two", "--out", str(folder / "comparison"))
    evaluate = ("evaluate", "--model", "demo", "--data", "demo", "--limit", "4", "--cap", "32")
    return [
        Start(BARE, (sys.executable, "-c", "pass")),
        Start("lengthwise --help", (*LENGTHWISE, "--help")),
        Start("score of 64 rollouts", (*LENGTHWISE, "score", "--reward", "hapo", "--rollouts", str(folder / "rows"))),
        Start(
            "advantages of them",
            (*LENGTHWISE, "advantages", "--estimator", "group", "--rollouts", str(folder / "rows")),
        ),
        Start("verify of 100 short cases", (*LENGTHWISE, "verify", "--cases", str(folder / "cases"))),
        Start("rewards, a list", (*LENGTHWISE, "rewards")),
        Start("train, a key that is misspelt", (*LENGTHWISE, "train", "demo-dler", "trainer.learning_rat=1"), 2),
        Start("train, a reward that is misspelt", (*LENGTHWISE, "train", "demo-dler", "rewards.0=truncatio"), 2),
        Start("compare of two runs, first sign of life", (*LENGTHWISE, *compare), first=True),
        Start("evaluate, first sign of life", (*LENGTHWISE, *evaluate), first=True),
    ]


def prepare(folder: Path) -> None:
    """The files that commands are given."""
    cases = [{"gold": str(n), "completion": f"So it is \\boxed{{{n + n % 2}}}."} for n in range(100)]
    rows = [
        {
            "problem_id": str(n // 8),
            "length": 10 + n,
            "correct": n % 3 > 0,
            "stop": "eos",
            "budget": 99,
            "reward": float(n % 3 > 0),
        }
        for n in range(64)
    ]
    for name, lines in (("cases", cases), ("rows", rows)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def seconds(start: Start) -> float:
    """CPU seconds of a command, and of what it starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if start.first:
        _until_it_shows(start.command)
    else:
        done = subprocess.run(start.command, env=ENVIRONMENT, capture_output=True, text=True)
        if done.returncode != start.status:
            sys.exit(f"{start.shown} ended with exit code {done.returncode}: {done.stderr[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _until_it_shows(command: Sequence[str]) -> None:
    """Start a command on a terminal, and end it when there is something to see."""
    ours, terminal = pty.openpty()
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        while not os.read(ours, 1024).strip():
            pass
        process.kill()
    os.close(ours)


def table(found: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"CPU seconds until a command has ended, or shows something; median of {TURNS}, and how many times that is of",
        "a Python that does nothing.",
        "",
        "| command | CPU seconds | times |",
        "|---|---|---|",
        *(f"| {shown} | {each['seconds']:.2f} | {each['times']:.0f} |" for shown, each in found.items()),
        "",
        "Made by `python experiments/benchmarks/startup.py`.",
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        sides: dict[str, Callable[[], Any]] = {each.shown: partial(seconds, each) for each in starts(Path(name))}
        turns = interleaved(sides, TURNS)
    least = median(turns[BARE])
    found = {shown: {"seconds": median(own), "times": median(own) / least} for shown, own in turns.items()}
    write("startup", {"commands": found, **surroundings()}, table(found))


if __name__ == "__main__":
    main()
