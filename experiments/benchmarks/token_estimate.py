"""The rollout tokens that a dry run says a demo run will sample, and what the run samples.

    python experiments/benchmarks/token_estimate.py [part.key=value ...]

Three numbers of each recipe against the whole run: the upper bound (every rollout at its budget, every draw of dynamic
sampling needed), the expectation by the mean length and the kept groups of the first round, and the same by
`--calibrate`, half a minute of rounds by the untrained model on this machine. Writes results/token_estimate.json and
results/token_estimate.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from experiments.benchmarks._shared import surroundings, write
from rl.estimates import Rates
from rl.folders.run import RunFolder
from rl.run.dry_run import dry_run
from rl.run.train import train

RECIPES = ("demo-grpo", "demo-dler")


def sampled(run: RunFolder) -> int:
    """Tokens of all rollouts that a run has sampled."""
    files = sorted(run.path.glob("rollouts/*.parquet"))
    return sum(sum(pq.read_table(file, columns=["length"])["length"].to_pylist()) for file in files)


def row(recipe: str, overrides: Sequence[str]) -> dict[str, Any]:
    bound = dry_run(recipe, overrides).estimates[recipe]
    calibrated = dry_run(recipe, overrides, calibrated=True).estimates[recipe]
    with tempfile.TemporaryDirectory() as folder:
        run = train(recipe, overrides, Path(folder) / "run", quiet=True)
        first = next(line for line in run.logged() if "length/mean" in line)
        measured = sampled(run)
    rates = Rates(length_share=first["length/mean"] / bound.rounds.caps[0], kept=first["sampling/kept"])
    by_first = dry_run(recipe, overrides, rates=rates).estimates[recipe]
    return {
        "measured": measured,
        "bound": bound.sampled_tokens[1],
        "by_first_round": by_first.sampled_tokens[0],
        "calibrated": calibrated.sampled_tokens[0],
    }


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    names = ("bound", "by_first_round", "calibrated")
    return [
        "Rollout tokens of whole demo runs, in thousands, and estimates of them over what was sampled.",
        "",
        "| recipe | sampled | upper bound | by the first round | calibrated, 30 s |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {each['measured'] / 1e3:.0f} | "
            + " | ".join(f"{each[kind] / 1e3:.0f} ({each[kind] / each['measured']:.2f})" for kind in names)
            + " |"
            for name, each in rows.items()
        ),
        "",
        "Made by `python experiments/benchmarks/token_estimate.py`.",
    ]


if __name__ == "__main__":
    found = {recipe: row(recipe, ["data.eval=null", *sys.argv[1:]]) for recipe in RECIPES}
    write("token_estimate", {"rows": found, **surroundings()}, table(found))
