r"""What a million problems, logged lines and remembered lengths take.

    python experiments/benchmarks/millions.py
    python experiments/benchmarks/millions.py --one load   # one of them, in this process

- load: a file of a million problems whose answers are a million different formulas, read as for training, its
  answers read by the verifier's workers.
- score: `lengthwise score --reward hapo` of a million lines, imports included.
- checkpoint: HAPO's history of a million problems, written as a checkpoint has it.

Seconds are wall time beside CPU seconds of all processes; memory is the largest resident set of any. Each is a
process of its own. Writes results/millions.json and results/millions.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from experiments.benchmarks._shared import surroundings, write
from rewards.history import History
from rewards.verifier import MathVerifier
from rl.folders import checkpoints
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart

COUNT = 1_000_000
AIMS = {"load": (60, 2.0), "score": (40, 1.5), "checkpoint": (3, None)}
"""Seconds and gigabytes that each should stay under on an idle machine."""
GOLDS = (
    r"{}", r"\frac{{{}}}{{7}}", r"{}\sqrt{{2}}", r"\left( {}, \frac{{\pi}}{{2}} \right)", r"\boxed{{{}}}", r"x^2 + {}",
    r"\dfrac{{{}}}{{\sqrt{{3}}}}", r"{}\%", r"[{}, \infty)", r"\text{{{} cm}}", "{}.25",
    r"\begin{{pmatrix}} {} \\ 1 \end{{pmatrix}}",
)  # fmt: skip


def lines(path: Path, row: Callable[[int], dict[str, Any]]) -> Path:
    """A file of a million rows."""
    with path.open("w") as file:
        file.writelines(json.dumps(row(i)) + "\n" for i in range(COUNT))
    return path


def load(folder: Path) -> Iterator[None]:
    """Problems in the columns of DeepScaleR."""

    def row(number: int) -> dict[str, Any]:
        problem = (
            rf"Let $x$ be a number with $x^2 - {number} x + \frac{{1}}{{{number + 1}}} = 0$. Find all that is asked. "
        )
        gold = GOLDS[number % len(GOLDS)].format(number + 2)
        return {"problem": problem * 2, "answer": gold, "solution": f"It is found to be $\\boxed{{{gold}}}$."}

    source = SourcePart(str(lines(folder / "problems.jsonl", row)))
    yield
    found = load_problems(source, PromptPart(), MathVerifier())
    yield
    assert len(found.problems) == COUNT, found.told()


def score(folder: Path) -> Iterator[None]:
    """Eight rollouts a problem."""
    path = lines(
        folder / "rollouts.jsonl",
        lambda i: {"problem_id": f"{i // 8:x}", "length": 100 + i * 7919 % 4000, "correct": i % 3 > 0, "stop": "eos"},
    )
    yield
    command = [sys.executable, "-m", "rl.cli", "score", "--reward", "hapo", "--rollouts", str(path)]
    subprocess.run([*command, "--json", str(folder / "scored.json")], check=True, stdout=subprocess.DEVNULL)
    yield


def checkpoint(folder: Path) -> Iterator[None]:
    """An entry a problem."""
    history = History()
    for number in range(COUNT):
        history.put("hapo", f"{number:016x}", {"length": 100.0 + number % 4000, "count": 3.0})
    yield
    checkpoints.write(folder, {"history": history.state_dict()})
    yield


WAYS: dict[str, Callable[[Path], Iterator[None]]] = {"load": load, "score": score, "checkpoint": checkpoint}


def measure(name: str) -> dict[str, float]:
    """Of one of them, in this process, between its two pauses."""
    with tempfile.TemporaryDirectory() as folder:
        moments = [(time.perf_counter(), _cpu()) for _ in WAYS[name](Path(folder))]
        (start, cpu), (end, after) = moments
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "seconds": end - start,
        "cpu_seconds": after - cpu,
        "gigabytes": max(own, children) / 1e6,
    }


def _cpu() -> float:
    return sum(os.times()[:4])


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", choices=WAYS)
    one = parser.parse_args().one
    if one is not None:
        print(json.dumps(measure(one)))
        return
    found: dict[str, Any] = {**surroundings(), "load_before": os.getloadavg()[0]}
    for name in WAYS:
        answer = subprocess.run([sys.executable, __file__, "--one", name], check=True, capture_output=True, text=True)
        found[name] = json.loads(answer.stdout.splitlines()[-1])
        print(name, found[name], flush=True)
    rows = [
        f"| {name} | {found[name]['seconds']:.1f} | {found[name]['cpu_seconds']:.1f} "
        f"| {found[name]['gigabytes']:.2f} | {seconds} s{f', {size} GB' if size else ''} |"
        for name, (seconds, size) in AIMS.items()
    ]
    write(
        "millions",
        found,
        [
            f"A million of each; load of the machine before: {found['load_before']:.1f}.",
            "",
            "| what | seconds | CPU seconds | GB | aim |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "Made by `python experiments/benchmarks/millions.py`.",
        ],
    )


if __name__ == "__main__":
    main()
