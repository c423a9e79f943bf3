"""Completions judged a second: this verifier against math-verify as `trl.rewards.accuracy_reward` calls it.

    LENGTHWISE_DATA=... python experiments/benchmarks/verifier.py

Real gold answers, half of the predictions written in another way than the gold answer; the long completions
are worked MATH solutions, one after the other, before the answer. The last set is completions as they are: worked
solutions of 100 to 2,000 characters, half of them by another problem's gold answer. Every pair is judged once a turn
and nothing is remembered between turns. Sides take turns. Rates are by wall time; the ratio is of the medians of CPU
time, the worker's counted in, so that other work on the machine does not move it. One worker is as good as one core:
caller and worker wait for each other. Writes results/verifier.json and results/verifier.md.
"""

from __future__ import annotations

import logging
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import NamedTuple

import psutil
from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify

from experiments.answers import Solved, data_folder, solved, twins
from experiments.benchmarks._shared import surroundings, write
from rewards.verifier import MathVerifier
from rewards.verifier.latex import read
from rewards.verifier.quick import squeezed

TURNS = 5
CHARACTERS = 3.5
"""In a token of such text."""
Case = tuple[str, str]
RIVAL = "math-verify"


class Taken(NamedTuple):
    """Seconds of wall time and of CPU time."""

    wall: float
    cpu: float


def cases(problems: Sequence[Solved], count: int, tokens: int, wrong: float) -> list[Case]:
    """(gold answer, completion) pairs with different gold answers; a share `wrong` answers another problem."""
    chance = random.Random(0)
    picked = chance.sample(list({problem.gold: problem for problem in problems}.values()), count)
    thoughts = [problem.solution.replace("\\boxed", "") for problem in problems]
    found = []
    for place, problem in enumerate(picked):
        ways = [problem.gold, *(list(twins(problem.gold).values()) if place % 2 else [])]
        answer = picked[place - 1].gold if place < wrong * count else chance.choice(ways)
        text = ""
        while len(text) < tokens * CHARACTERS:
            text += chance.choice(thoughts) + "\n\n"
        found.append((problem.gold, f"{text}The answer is $\\boxed{{{answer}}}$."))
    return found


def worked(problems: Sequence[Solved], count: int) -> list[Case]:
    """(gold answer, worked solution) pairs, every other one by the gold answer of the pair before."""
    fitting = [p for p in problems if 100 <= len(p.solution) <= 2_000 and "\\boxed" in p.solution]
    picked = random.Random(0).sample(fitting, count)
    return [(picked[place - place % 2].gold, problem.solution) for place, problem in enumerate(picked)]


def cpu_seconds() -> float:
    """CPU time of this process and of those below it."""
    workers = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.process_time() + float(sum(times.user + times.system for times in workers))


def stock(given: Sequence[Case]) -> Taken:
    """What math-verify takes, one after the other, as TRL's accuracy reward calls it."""
    config = LatexExtractionConfig(
        normalization_config=NormalizationConfig(units=True), boxed_match_priority=0, try_extract_without_anchor=False
    )
    started, before = time.perf_counter(), cpu_seconds()
    for gold, completion in given:
        read_gold = parse(f"\\boxed{{{gold}}}", parsing_timeout=10)
        answer = parse(completion, extraction_config=[config], extraction_mode="first_match", parsing_timeout=10)
        verify(read_gold, answer, timeout_seconds=5)
    return Taken(time.perf_counter() - started, cpu_seconds() - before)


def ours(workers: int) -> Callable[[Sequence[Case]], Taken]:
    """The same by this verifier, its processes up and nothing remembered."""

    def run(given: Sequence[Case]) -> Taken:
        verifier = MathVerifier(workers=workers)
        verifier.judge(["3"] * workers, [f"\\boxed{{\\frac{{{n}}}{{{n}}} \\log_2 8}}" for n in range(1, workers + 1)])
        for memory in (read, squeezed):
            memory.cache_clear()
        started, before = time.perf_counter(), cpu_seconds()
        verifier.judge(*map(list, zip(*given, strict=True)))
        taken = Taken(time.perf_counter() - started, cpu_seconds() - before)
        verifier.close()
        return taken

    return run


SIDES: dict[str, Callable[[Sequence[Case]], Taken]] = {"1 worker": ours(1), "2 workers": ours(2), RIVAL: stock}
SETS = {
    "right, answer only": (400, 0, 0.0),
    "half wrong, answer only": (400, 0, 0.5),
    "right, 2K tokens": (100, 2_000, 0.0),
    "right, 16K tokens": (50, 16_000, 0.0),
    "right, 32K tokens": (30, 32_000, 0.0),
    "half wrong, 32K tokens": (30, 32_000, 0.5),
}
"""Name: (completions, tokens before the answer, share of wrong answers)."""
WORKED = ("worked solutions, half wrong", 400)


def sets(problems: Sequence[Solved]) -> dict[str, list[Case]]:
    """The cases of every set."""
    made = {name: cases(problems, *shape) for name, shape in SETS.items()}
    return made | {WORKED[0]: worked(problems, WORKED[1])}


def measure(problems: Sequence[Solved]) -> dict[str, dict[str, float]]:
    """Completions a second of each side on each set, and the ratios to math-verify."""
    table: dict[str, dict[str, float]] = {}
    for name, given in sets(problems).items():
        taken: dict[str, list[Taken]] = {side: [] for side in SIDES}
        for turn in range(TURNS + 1):
            for side, run in SIDES.items():
                once = run(given)
                if turn:  # the first turn of each warms up
                    taken[side].append(once)
        cpu = {side: statistics.median(once.cpu for once in all_) for side, all_ in taken.items()}
        rates = {side: len(given) / statistics.median(once.wall for once in all_) for side, all_ in taken.items()}
        table[name] = {**rates, "ratio": cpu[RIVAL] / cpu["1 worker"]}
    return table


def main() -> None:
    folder = data_folder()
    if folder is None:
        sys.exit("skipped: LENGTHWISE_DATA names no folder with real problem files")
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    table = measure(solved(folder))
    result = {
        "ratio": table["right, answer only"]["ratio"],
        "completions_per_second": table,
        "turns": TURNS,
        **{name: surroundings()[name] for name in ("date", "machine")},
        "versions": {name: version(name) for name in ("math-verify", "latex2sympy2_extended", "sympy", "trl")},
    }
    lines = [
        f"Completions judged a second, medians of {TURNS} turns; the rival is math-verify as TRL calls it.",
        "",
        "| completions | math-verify | 1 worker | 2 workers | ratio of CPU time, 1 worker |",
        "|---|---|---|---|---|",
    ]
    for name, row in table.items():
        rates = " | ".join(f"{row[side]:,.0f}" for side in (RIVAL, "1 worker", "2 workers"))
        lines.append(f"| {name} | {rates} | {row['ratio']:.0f} |")
    lines += ["", "Made by `python experiments/benchmarks/verifier.py`."]
    write("verifier", result, lines)


if __name__ == "__main__":
    main()
