"""Whether partial rollouts change what is learned: HAPO on the embedded task, synchronous and partial, over seeds.

    python -m experiments.partial_curves --out runs/partial-curves

Six runs of 100 steps, two at a time, a quarter of an hour of two cores; the same command goes on. Prints the table of
the diary: accuracy and tokens of the rollouts that trained, by rounds, and of 1,024 held-out problems at the end; ± is
a standard error over seeds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.terminal import say, user_errors_exit_2

SEEDS = (0, 1, 2)
SIDES = {"synchronous": (), "partial": ("rollouts.partial=true", "rollouts.max_staleness=1")}
ROUNDS = 10
"""In one line of the table."""


def trained(out: Path, side: str, seed: int) -> RunFolder:
    """A run of one side. Errors: UserError where it fails."""
    folder = out / f"{side}-{seed}"
    command = [sys.executable, "-m", "rl.train", "demo-hapo", "--quiet", "--out", str(folder)]
    changed = [f"seed={seed}", "evaluation.before=false", *SIDES[side]]
    if subprocess.run([*command, *changed], stdout=subprocess.DEVNULL, check=False).returncode:
        raise UserError(f"the run in {folder} failed; the same command goes on with it")
    return RunFolder(folder)


def table(runs: Sequence[Sequence[RunFolder]]) -> str:
    """Lines of ten rounds each, and the held-out problems; the sides beside one another."""
    rounds = [[[line for line in run.logged() if "accuracy" in line] for run in own] for own in runs]
    head = "".join(f" {side}, right (%) | tokens |" for side in SIDES)
    lines = [f"| rounds |{head}", f"|---|{'---|---|' * len(SIDES)}"]
    for first in range(0, len(rounds[0][0]), ROUNDS):
        part = [[own[first : first + ROUNDS] for own in side] for side in rounds]
        accuracies = [[100 * np.mean([line["accuracy"] for line in own]) for own in side] for side in part]
        tokens = [[np.mean([line["length/mean"] for line in own]) for own in side] for side in part]
        lines.append(_line(f"{first + 1} to {first + len(part[0][0])}", accuracies, tokens))
    answers = [[pq.read_table(run.evaluation("after")) for run in own] for own in runs]
    right = [[100 * np.mean([each or 0.0 for each in own["correct"].to_pylist()]) for own in side] for side in answers]
    lengths = [[np.mean(own["length"].to_numpy()) for own in side] for side in answers]
    return "\n".join([*lines, _line("held out", right, lengths)])


def _line(what: str, *columns: Sequence[Sequence[float]]) -> str:
    cells = [
        f"{np.mean(own):.1f} ± {np.std(own, ddof=1) / len(own) ** 0.5:.1f}"
        for side in zip(*columns, strict=True)
        for own in side
    ]
    return f"| {what} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the runs are kept")
    out = parser.parse_args().out
    with user_errors_exit_2(), ThreadPoolExecutor(2) as pool:
        asked = [(side, seed) for seed in SEEDS for side in SIDES]
        found = dict(zip(asked, pool.map(lambda each: trained(out, *each), asked), strict=True))
        say(table([[found[side, seed] for seed in SEEDS] for side in SIDES]))


if __name__ == "__main__":
    main()
