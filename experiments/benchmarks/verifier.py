"""Completions judged a second: this verifier against math-verify, as TRL calls it and set up better.

    LENGTHWISE_DATA=... python experiments/benchmarks/verifier.py

Real gold answers, half of the predictions written in another way than the gold answer; the long completions
are worked MATH solutions, one after the other, before the answer. The last set is completions as they are: worked
solutions of 100 to 2,000 characters, half of them by another problem's gold answer. Every pair is judged once a turn
and nothing is remembered between turns, by either side.

The rivals are math-verify as `trl.rewards.accuracy_reward` calls it, on the whole text; given the last box alone, the
gold answers parsed beforehand, as one who judges a group does it once; and the same where equal texts are right without
parsing. Each of them judges every set once, and the one that took the least CPU time takes turns with this verifier.
Rates and ratios are by CPU time, a worker's counted in, so that other work on the machine does not move them; two
workers are there for the rate by wall time. One worker is as good as one core: caller and worker wait for each other.
Writes results/verifier.json and results/verifier.md.
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, parser, verify

from experiments.answers import Solved, data_folder, solved, twins
from experiments.benchmarks._shared import cpu_seconds, interleaved, started, surroundings, write
from rewards.verifier import MathVerifier, boxed_answer
from rewards.verifier.latex import read
from rewards.verifier.quick import squeezed

TURNS = 5
WARM_UP = 20
"""Completions."""
CHARACTERS = 3.5
"""In a token of such text."""
Case = tuple[str, str]


class Taken(NamedTuple):
    """Seconds of wall time and of CPU time."""

    wall: float
    cpu: float


def timed(work: Callable[[], object], others: Sequence[int] = ()) -> Taken:
    """What `work` takes, in this process and others."""
    began = time.perf_counter(), cpu_seconds(others)
    work()
    return Taken(time.perf_counter() - began[0], cpu_seconds(others) - began[1])


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


def parsed(text: str) -> list[Any]:
    """By math-verify, with the settings of TRL's accuracy reward."""
    config = LatexExtractionConfig(
        normalization_config=NormalizationConfig(units=True), boxed_match_priority=0, try_extract_without_anchor=False
    )
    return parse(text, extraction_config=[config], extraction_mode="first_match", parsing_timeout=10)  # type: ignore[no-any-return]


def as_trl(given: Sequence[Case]) -> Taken:
    """Whole texts, one after the other."""

    def work() -> None:
        for gold, completion in given:
            verify(parse(f"\\boxed{{{gold}}}", parsing_timeout=10), parsed(completion), timeout_seconds=5)

    forget()
    return timed(work)


def last_box(given: Sequence[Case], strings: bool = False) -> Taken:
    """Last boxes by gold answers that are parsed already; `strings`: equal texts are right unparsed."""
    golds = [parse(f"\\boxed{{{gold}}}", parsing_timeout=10) for gold, _ in given]

    def work() -> None:
        for (gold, completion), read_gold in zip(given, golds, strict=True):
            answer = boxed_answer(completion)
            if answer is not None and not (strings and answer == gold):
                verify(read_gold, parsed(f"\\boxed{{{answer}}}"), timeout_seconds=5)

    forget()
    return timed(work)


def forget() -> None:
    """Have math-verify remember no text that it has parsed."""
    for memory in (parser.parse_latex_cached, parser.parse_expr_cached, parser.extract_latex):
        memory.cache_clear()


def ours(workers: int) -> Callable[[Sequence[Case]], Taken]:
    """The same by this verifier, its processes up and nothing remembered."""

    def run(given: Sequence[Case]) -> Taken:
        verifier = MathVerifier(workers=workers)
        verifier.judge(["3"] * workers, [f"\\boxed{{\\frac{{{n}}}{{{n}}} \\log_2 8}}" for n in range(1, workers + 1)])
        for memory in (read, squeezed):
            memory.cache_clear()
        taken = timed(lambda: verifier.judge(*map(list, zip(*given, strict=True))), started())
        verifier.close()
        return taken

    return run


SIDES: dict[str, Callable[[Sequence[Case]], Taken]] = {"1 worker": ours(1), "2 workers": ours(2)}
STOCK = "as TRL calls it"
RIVALS: dict[str, Callable[[Sequence[Case]], Taken]] = {
    STOCK: as_trl,
    "last box": last_box,
    "last box, texts first": partial(last_box, strings=True),
}
"""Ways to use math-verify."""
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


def measure(problems: Sequence[Solved], turns: int = TURNS) -> dict[str, dict[str, Any]]:
    """Completions a second of each side on each set, which rival was best there, and the ratios to it and to TRL's."""
    table: dict[str, dict[str, Any]] = {}
    for name, given in sets(problems).items():
        for run in RIVALS.values():  # what is made on first use, grammars among it
            run(given[:WARM_UP])
        tried = {rival: run(given).cpu for rival, run in RIVALS.items()}
        best = min(tried, key=tried.__getitem__)
        taken: dict[str, list[Taken]] = interleaved(
            {side: partial(run, given) for side, run in {**SIDES, best: RIVALS[best]}.items()}, turns + 1
        )
        cpu = {side: statistics.median(once.cpu for once in all_[1:]) for side, all_ in taken.items()}
        wall = {side: statistics.median(once.wall for once in all_[1:]) for side, all_ in taken.items()}
        table[name] = {
            "completions": len(given),
            "1 worker": len(given) / cpu["1 worker"],
            "2 workers": len(given) / wall["2 workers"],
            "rivals": {rival: len(given) / seconds for rival, seconds in {**tried, best: cpu[best]}.items()},
            "best_rival": best,
            "ratio_to_trl": tried[STOCK] / cpu["1 worker"],
            "ratio": cpu[best] / cpu["1 worker"],
        }
    return table


def main() -> None:
    folder = data_folder()
    if folder is None:
        print("LENGTHWISE_DATA names no folder with real problem files; export it")
        return
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    table = measure(solved(folder))
    result = {
        "ratio": table["right, answer only"]["ratio"],
        "completions_per_second": table,
        "turns": TURNS,
        "load": os.getloadavg()[2],
        **{name: surroundings()[name] for name in ("date", "machine")},
        "versions": {name: version(name) for name in ("math-verify", "latex2sympy2_extended", "sympy", "trl")},
    }
    lines = [
        f"Completions judged a CPU second, {result['load']:.1f} processes at work. Each way to use math-verify judged",
        "every set once: as TRL does; given the last box and parsed gold answers; so, with equal texts right at once.",
        f"The best (bold) then took {TURNS} turns with ours, of which these are medians.",
        "",
        "| completions | as TRL calls it | last box | last box, texts first | 1 worker | 2 workers, a second "
        "| to TRL's | to the best |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in table.items():
        rates = {rival: f"{rate:,.0f}" for rival, rate in row["rivals"].items()}
        rates[row["best_rival"]] = f"**{rates[row['best_rival']]}**"
        rivals = " | ".join(rates.values())
        own = " | ".join(f"{row[side]:,.0f}" for side in SIDES)
        lines.append(f"| {name} | {rivals} | {own} | {row['ratio_to_trl']:.0f} | {row['ratio']:.1f} |")
    lines += ["", "Made by `python experiments/benchmarks/verifier.py`."]
    write("verifier", result, lines)


if __name__ == "__main__":
    main()
