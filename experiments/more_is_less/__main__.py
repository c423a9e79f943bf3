"""Train small models on steps of every size, measure which size each does best with, and let RL choose.

    python -m experiments.more_is_less [--out runs/more-is-less] [--results experiments/more_is_less/results]

What is done is not done again: the command can be stopped and repeated. It writes results.json, REPORT.md and a
figure to the results' folder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.more_is_less.measuring import Solver, accuracy_by_size, habits
from experiments.more_is_less.report import write_report
from experiments.more_is_less.training import train
from rl.errors import UserError
from rl.folders.run import RunFolder, write_text
from rl.run.train import train as train_recipe
from rl.terminal import user_errors_exit_2

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


def supervised(out: Path, depth: int, slip: float, updates: int, n: int) -> dict[str, Any]:
    """A model of `depth` layers that has seen demonstrations with such slips, and what was measured of it."""
    folder = out / f"depth-{depth}-updates-{updates}-slip-{slip:g}"
    if not (folder / "trained.json").is_file():
        seconds = train(folder, depth, slip, updates)
        write_text(folder / "trained.json", json.dumps({"cpu_seconds": round(seconds)}))
    trained = json.loads((folder / "trained.json").read_text())
    found = measured(folder, folder / "measured.json", n)
    return {"depth": depth, "updates": updates, "slip": slip, "folder": str(folder), **trained, **found}


def reinforced(start: dict[str, Any], out: Path, seed: int, n: int, overrides: Sequence[str]) -> dict[str, Any]:
    """What RL made of a model, and what was measured of that."""
    run = RunFolder(out / f"rl-{start['depth']}-{seed}")
    own = [f"model={start['folder']}", f"seed={seed}", *overrides]
    train_recipe(str(HERE / "rl.yaml"), own, run.path, quiet=True)
    found = measured(run.final, run.path.with_name(f"{run.path.name}-measured.json"), n)
    return {"depth": start["depth"], "seed": seed, **found}


def experiment(
    out: Path,
    depths: Sequence[int],
    updates: Sequence[int],
    start: int,
    slip: float,
    n: int,
    seeds: int,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """What was measured: a model of each depth and length of training; of the first depth, one without slips, and RL.

    Errors: UserError where none has that length.
    """
    if start not in updates:
        raise UserError(f"--start {start} is none of --updates {' '.join(map(str, updates))}; give one of them")
    models = [supervised(out, depth, slip, length, n) for depth in depths for length in updates]
    exact = supervised(out, depths[0], 0.0, start, n)
    shallow = next(model for model in models if model["updates"] == start)
    after = [reinforced(shallow, out, seed, n // 2, overrides) for seed in range(seeds)]
    for model in (*models, exact):
        del model["folder"]
    own = f"--depths {' '.join(map(str, depths))} --updates {' '.join(map(str, updates))} --start {start}"
    command = f"python -m experiments.more_is_less {own} --slip {slip:g} --n {n} --seeds {seeds}"
    return {"n": n, "command": command, "start": start, "models": models, "exact": exact, "rl": after}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/more-is-less"))
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 3], help="layers of the models")
    parser.add_argument("--slip", type=float, default=0.005, help="how often a demonstrator copies a digit wrongly")
    parser.add_argument(
        "--updates",
        type=int,
        nargs="+",
        default=[1500, 3000],
        help="batches of 32 traces that models are trained on",
    )
    parser.add_argument("--start", type=int, default=3000, help="which of these RL starts from, at the first depth")
    parser.add_argument("--n", type=int, default=2048, help="answers a difficulty and step size, after RL half as many")
    parser.add_argument("--seeds", type=int, default=2, help="RL runs")
    parser.add_argument("overrides", nargs="*", help="overrides of the RL recipe, as part.key=value")
    args = parser.parse_args()
    with user_errors_exit_2():
        results = experiment(
            args.out, args.depths, args.updates, args.start, args.slip, args.n, args.seeds, args.overrides
        )
        write_report(results, args.results)
    print(f"report: {args.results / 'REPORT.md'}")


if __name__ == "__main__":
    main()
