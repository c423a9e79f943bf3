"""The dial on the embedded task: what each setting gives and costs, trained and untrained, over three seeds.

    python -m experiments.dial [--out runs/dial] [ARM ...]

Trains each arm's recipe, answers the demo's tests with the thinking closed at the dial's five settings, and writes the
table between its markers in experiments/DIARY.md, of the arms that are named or of all. Finished runs and evaluations
are not made again, so the command can be stopped and repeated. Arms that train for a dial are told the setting; the
others, and the training-free rivals on the model before training, are closed at it unasked. Of `no-thinking` a majority
of 1 to 16 answers stands in the columns instead, whose tokens are those of all of them.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from rl.cli import run_command
from rl.errors import UserError
from rl.folders.run import RunFolder, write_text
from rl.recipe.files import load_recipe
from rl.sweep.processes import how_it_ended, start_training
from rl.terminal import user_errors_exit_2

SETTINGS = (20, 40, 60, 90, 130)
"""Tokens of thinking."""
SEEDS = (0, 1, 2)
TOLD = ("--budget-text", "{prompt} ({budget} tokens)")
CLOSED = ("--force-at", ",".join(map(str, SETTINGS)), "--answer", "40")
DIARY = Path(__file__).with_name("DIARY.md")
START, END = "<!-- dial: written by experiments/dial.py -->", "<!-- end of dial -->"
Point = tuple[float, float]
"""Tokens in all, and accuracy in [0, 1]."""


@dataclass(frozen=True)
class Arm:
    """What is trained, if anything, and how it is asked."""

    recipe: str | None
    asked: tuple[str, ...] = CLOSED


ARMS = {
    "dial": Arm("demo-dial", (*CLOSED, *TOLD)),
    "DLER": Arm("demo-dial-dler"),
    "L1-Exact": Arm("demo-dial-l1", (*CLOSED, *TOLD)),
    "Elastic": Arm("demo-dial-elastic"),
    "untrained, told": Arm(None, (*CLOSED, *TOLD)),
    "budget forcing (s1)": Arm(None, ("--rival", "budget-forcing", *CLOSED)),
    "no thinking, majority": Arm(None, ("--rival", "no-thinking", "--samples", "16")),
    "Train Long, Think Short": Arm("demo-dial-train-long", (*CLOSED, *TOLD)),
}


def measured(name: str, seed: int, out: Path) -> dict[str, Any]:
    """What `lengthwise evaluate --json` says of one arm and seed, trained first where it is to be."""
    arm, label = ARMS[name], f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
    figures = out / f"{label}.json"
    if not figures.is_file():
        model = str(trained(arm.recipe, seed, RunFolder(out / label)).final) if arm.recipe else "dial-demo"
        asked = ["evaluate", "--model", model, "--data", "demo", "--cap", "256", "--temperature", "1"]
        try:
            run_command([*asked, "--seed", str(seed), "--limit", "512", *arm.asked, "--json", str(figures)])
        except SystemExit as stop:
            if stop.code:
                raise
    found: dict[str, Any] = json.loads(figures.read_text())
    return found


def trained(name: str, seed: int, run: RunFolder) -> RunFolder:
    """A finished run of the recipe."""
    recipe = load_recipe(name, [f"seed={seed}"])
    if run.status(recipe) != "finished":
        process = start_training(recipe, run)
        if process.wait():
            raise UserError(f"{run.path.name}: {how_it_ended(process, run)}")
    return run


def points(found: Mapping[str, Any]) -> list[Point]:
    """Of the settings, or of majorities of more and more answers."""
    if found["forced"]:
        return [
            (each["tokens"]["all"]["mean"], each["accuracy"]["mean"]) for each in found["forced"]["budgets"].values()
        ]
    return [(each["tokens"]["mean"], each["accuracy"]["mean"]) for each in found["caps"]["256"]["majority_at"].values()]


def accuracy_at(curve: Sequence[Point], tokens: float) -> float:
    """Between two points in a straight line over the logarithm of the tokens; NaN beyond the ends."""
    places, values = zip(*sorted(curve), strict=True)
    return float(np.interp(math.log(tokens), np.log(places), values, left=math.nan, right=math.nan))


def line(name: str, seeds: Sequence[Mapping[str, Any]]) -> str:
    """One line of the table: means over seeds, standard errors of the accuracy over them."""
    curves = [points(found) for found in seeds]
    cells = [
        f"{with_error([100 * curve[i][1] for curve in curves])} at {fmean(curve[i][0] for curve in curves):.0f}"
        for i in range(len(SETTINGS))
    ]
    return f"| {name} | {' | '.join(cells)} | {' | '.join(kept(seeds))} |"


def kept(seeds: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """How thinking keeps to what it is told: rank correlation, and the mean error over the settings."""
    stated = [found["forced"]["stated"] for found in seeds if (found["forced"] or {}).get("stated")]
    if not stated:
        return "–", "–"
    error = fmean(each["error"]["mean"] for one in stated for each in one["budgets"].values())
    return f"{fmean(one['rank_correlation'] for one in stated):.2f}", f"{error:.0%}"


def with_error(values: Sequence[float]) -> str:
    """Mean ± standard error over seeds."""
    return (
        f"{fmean(values):.1f} ± {stdev(values) / math.sqrt(len(values)):.1f}" if len(values) > 1 else f"{values[0]:.1f}"
    )


def at_equal_tokens(name: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> str:
    """The dial's accuracy less another's where that one ends by itself, seed by seed, at the tokens it takes there."""
    differences = []
    for mine, other in zip(ours, theirs, strict=True):
        whole = other["caps"]["256"]
        own = accuracy_at(points(mine), whole["mean_tokens"]["mean"])
        differences.append(100 * (own - whole["accuracy"]["mean"]))
    tokens = fmean(other["caps"]["256"]["mean_tokens"]["mean"] for other in theirs)
    by = with_error(differences)
    return f"The dial less {name} at the {tokens:.0f} tokens which that takes by itself: {by} points."


def table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Markdown: a line an arm, then the dial beside those that end by themselves."""
    head = " | ".join(f"{setting}" for setting in SETTINGS)
    lines = [f"| arm | {head} | rank correlation | error |", f"|{'---|' * (len(SETTINGS) + 3)}"]
    lines += [line(name, seeds) for name, seeds in found.items()]
    beside = [name for name in ("DLER", "Elastic") if name in found and "dial" in found]
    return "\n".join([*lines, "", *(at_equal_tokens(name, found["dial"], found[name]) for name in beside)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="*", metavar="ARM", help=f"all by default: {'; '.join(ARMS)}")
    parser.add_argument("--out", type=Path, default=Path("runs/dial"))
    args = parser.parse_args()
    if unknown := set(args.arms) - set(ARMS):
        parser.error(f"no arm {', '.join(sorted(unknown))}; there are {'; '.join(ARMS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    with user_errors_exit_2():
        found = {name: [measured(name, seed, args.out) for seed in SEEDS] for name in args.arms or ARMS}
    written = table(found)
    print(written)
    before, rest = DIARY.read_text().split(START)
    write_text(DIARY, f"{before}{START}\n{written}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
