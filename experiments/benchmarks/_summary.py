"""What the committed tables say, on a page; and whether a machine still finds it.

    python -m experiments.benchmarks._summary           # results/SUMMARY.md, from the tables as they are
    python -m experiments.benchmarks._summary --check   # all of them anew, elsewhere: 1 if a ratio fell by over a fifth

A ratio is how many times the best rival's figure ours is, above 1 where ours is better. The limit is what the machine
could do at best. `--check optimizer_step rollouts` does some of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.benchmarks._shared import FOLDER, RESULTS

FALL = 0.2
"""How much of a ratio noise may take."""
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One line of the page, read from a benchmark's JSON."""

    benchmark: str
    what: str
    ratio: Callable[[Found], float]
    limit: Callable[[Found], float] | None = None
    """The share of it that is reached."""


def _step(case: str) -> Figure:
    return Figure(
        "optimizer_step",
        f"an optimiser step, {case}, to the best TRL",
        lambda found: float(found[case]["ratio_to_best"]),
        lambda found: float(found[case]["useful_of_peak"]["lengthwise"]),
    )


def _sampling_limit(found: Found) -> float:
    return float(found["135M_limit"] / found["135M"]["lengthwise"]["cpu_seconds"])


FIGURES = [
    *(_step(case) for case in ("uniform", "long tail", "long prompts", "135M, long tail", "135M, long prompts")),
    Figure("rollouts", "rollouts of the demo model, to transformers.generate", lambda found: float(found["ratio"])),
    Figure(
        "rollouts",
        "rollouts of SmolLM2-135M's shape, to the better cache of generate",
        lambda found: float(found["135M_ratio"]),
        _sampling_limit,
    ),
    Figure(
        "answers",
        "bytes of a worker's answer, to vLLM's JSON",
        lambda found: _over(found["ways"], "bytes"),
    ),
    Figure("answers", "the server's thread, to vLLM's JSON", lambda found: _over(found["ways"], "server")),
    Figure("verifier", "verdicts on right answers, to math-verify", lambda found: float(found["ratio"])),
    Figure("audit", "an audit of thirty methods, to scoring them one by one", lambda found: float(found["ratio"])),
    Figure("long_memory", "memory of 8,192 tokens, to TRL", lambda found: 1 / float(found["memory_at_8k_over_stock"])),
]


def _over(ways: Found, column: str) -> float:
    """The first way's figure over the last one's."""
    first, *_, last = ways.values()
    return float(first[column] / last[column])


def read(folder: Path, benchmark: str) -> Found | None:
    file = folder / f"{benchmark}.json"
    return json.loads(file.read_text()) if file.is_file() else None


def page(folder: Path) -> list[str]:
    """The summary as Markdown. A table that does not have a figure yet shows a dash."""
    lines = ["| what | times the best rival | of the limit | made |", "|---|---|---|---|"]
    for figure in FIGURES:
        found = read(folder, figure.benchmark) or {}
        ratio, limit = _tried(figure.ratio, found), _tried(figure.limit, found)
        said = ("–" if ratio is None else f"{ratio:.2f}", "–" if limit is None else f"{limit:.0%}")
        lines.append(f"| {figure.what} | {said[0]} | {said[1]} | {found.get('date', '–')} |")
    return [*lines, "", "Made by `python -m experiments.benchmarks._summary`."]


def _tried(read: Callable[[Found], float] | None, found: Found) -> float | None:
    try:
        return None if read is None else read(found)
    except KeyError:
        return None


def fallen(before: Path, after: Path, benchmarks: Sequence[str]) -> list[str]:
    """Of these benchmarks, a line for each ratio that fell by over `FALL`, or that is no longer there."""
    lines = []
    for figure in FIGURES:
        old, new = (
            _tried(figure.ratio, read(folder, figure.benchmark) or {}) if figure.benchmark in benchmarks else None
            for folder in (before, after)
        )
        if old is not None and (new is None or new < (1 - FALL) * old):
            lines.append(f"{figure.what}: {'nothing' if new is None else f'{new:.2f}'}, was {old:.2f}")
    return lines


def again(folder: Path, benchmarks: Sequence[str]) -> None:
    """Run these benchmarks, their tables into `folder`."""
    for benchmark in benchmarks:
        print(benchmark, flush=True)
        environment = {**os.environ, "LENGTHWISE_BENCHMARKS": str(folder)}
        subprocess.run([sys.executable, str(FOLDER / f"{benchmark}.py")], env=environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = list(dict.fromkeys(figure.benchmark for figure in FIGURES))
    parser.add_argument("--check", nargs="*", metavar="BENCHMARK", choices=known, help="of " + ", ".join(known))
    check = parser.parse_args().check
    if check is None:
        (RESULTS / "SUMMARY.md").write_text("\n".join(page(RESULTS)) + "\n")
        print("\n".join(page(RESULTS)))
        return
    with tempfile.TemporaryDirectory() as name:
        again(Path(name), check or known)
        lines = fallen(RESULTS, Path(name), check or known)
        print("\n".join([*page(Path(name)), "", *(lines or ["no ratio fell by over a fifth"])]))
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
