"""Train small models on steps of every size, measure which size each does best with, and let RL choose.

    python -m experiments.more_is_less [--out runs/more-is-less] [--results experiments/more_is_less/results]

What is done is not done again: the command can be stopped and repeated. It writes results.json, REPORT.md and a
figure to the results' folder.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.more_is_less.measuring import Solver, accuracy_by_size, habits
from experiments.more_is_less.report import write_report
from experiments.more_is_less.training import train
from rl.errors import user_errors_exit_2
from rl.run_folder import RunFolder, write_text
from rl.train import train as train_recipe

HERE = Path(__file__).parent


def measured(model: Path, target: Path, n: int) -> dict[str, Any]:
    """The accuracy by size and the habits of a model on held-out problems, `n` a cell, kept in `target`."""
    if not target.is_file():
        solver = Solver.load(str(model))
        cells = [{"size": size, **asdict(cell)} for size, cell in accuracy_by_size(solver, n, seed=0)]
        found = {"cells": cells, "habits": [asdict(habit) for habit in habits(solver, n, seed=1)]}
        write_text(target, json.dumps(found))
    values: dict[str, Any] = json.loads(target.read_text())
    return values


def experiment(out: Path, depth: int, updates: list[int], n: int, seeds: int, overrides: list[str]) -> dict[str, Any]:
    """Everything that was measured: a model of each training length, and the last one after RL with each seed."""
    lengths = " ".join(map(str, updates))
    command = f"python -m experiments.more_is_less --depth {depth} --updates {lengths} --seeds {seeds}"
    results: dict[str, Any] = {"depth": depth, "n": n, "command": command, "models": {}, "rl": []}
    folders = {length: out / f"depth-{depth}-{length}" for length in updates}
    for length, folder in folders.items():
        if not (folder / "trained.json").is_file():
            seconds = train(folder, depth, length)
            write_text(folder / "trained.json", json.dumps({"cpu_seconds": seconds, "updates": length}))
        results["models"][str(length)] = measured(folder, folder / "measured.json", n)
    for seed in range(seeds):
        run = RunFolder(out / f"rl-{seed}")
        own = [f"model={folders[updates[-1]]}", f"seed={seed}", *overrides]
        train_recipe(str(HERE / "rl.yaml"), own, run.path, quiet=True)
        after = measured(run.final, run.path.with_name(f"rl-{seed}-measured.json"), n)
        results["rl"].append({"updates": updates[-1], "seed": seed, **after})
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/more-is-less"))
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--depth", type=int, default=2, help="layers")
    parser.add_argument(
        "--updates",
        type=int,
        nargs="+",
        default=[800, 1100, 1500, 3000],
        help="batches of 16 traces, one model each; the last by RL",
    )
    parser.add_argument("--n", type=int, default=1024, help="held-out problems a difficulty and step size, at most")
    parser.add_argument("--seeds", type=int, default=2, help="RL runs")
    parser.add_argument("overrides", nargs="*", help="overrides of the RL recipe, as part.key=value")
    args = parser.parse_args()
    with user_errors_exit_2():
        results = experiment(args.out, args.depth, args.updates, args.n, args.seeds, args.overrides)
        write_report(results, args.results)
    print(f"report: {args.results / 'REPORT.md'}")


if __name__ == "__main__":
    main()
