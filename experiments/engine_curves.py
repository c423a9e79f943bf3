"""Learning curves of the demo's DLER recipe through each rollout engine, over seeds: the engines' table in the diary.

    python -m experiments.engine_curves [--engines workers] [--seeds 0 1] [--out runs/engines]

`workers` starts two servers by `lengthwise serve` for the time of its runs; `ahead` is the same with
`rollouts.max_staleness: 1`. It needs vLLM. Finished runs are not run again, so a command can be stopped and
repeated; the table is of all runs that are there.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from experiments.local_workers import local_workers
from rl.errors import UserError
from rl.folders.run import RunFolder, write_text
from rl.recipe.files import load_recipe
from rl.sweep.processes import how_it_ended, start_training
from rl.terminal import user_errors_exit_2

ENGINES = ("transformers", "vllm", "workers", "ahead")
RECIPE = "demo-dler"
WINDOW = 20
"""Optimiser steps that one number of a curve is the mean of."""
DIARY = Path(__file__).with_name("DIARY.md")


def overrides(engine: str, seed: int, addresses: Sequence[str]) -> list[str]:
    by_workers = ["rollouts.engine=workers", f"rollouts.workers=[{', '.join(addresses)}]"]
    own = {
        "transformers": [],
        "vllm": ["rollouts.engine=vllm"],
        "workers": by_workers,
        "ahead": [*by_workers, "rollouts.max_staleness=1"],
    }
    return [f"seed={seed}", "evaluation.before=false", *own[engine]]


def run_one(engine: str, seed: int, out: Path, addresses: Sequence[str]) -> None:
    """Train with one engine and seed, unless that is done."""
    recipe = load_recipe(RECIPE, overrides(engine, seed, addresses))
    run = RunFolder(out / f"{engine}-{seed}")
    if run.status(recipe) != "finished":
        process = start_training(recipe, run)
        if process.wait():
            raise UserError(f"{engine}, seed {seed}: {how_it_ended(process, run)}")
    print(f"{engine}, seed {seed}: done", flush=True)


def curve(lines: Sequence[dict[str, Any]], name: str) -> list[float]:
    """The mean of a metric over each window of steps."""
    last = max(line["step"] for line in lines)
    windows = [range(start + 1, start + WINDOW + 1) for start in range(0, last, WINDOW)]
    found = [[v for line in lines if line["step"] in w and (v := line.get(name)) is not None] for w in windows]
    return [fmean(values) for values in found if values]


def table(out: Path) -> str:
    """A line a run, and one an engine with mean ± standard deviation over its seeds."""
    lines = [
        f"| engine | seed | held-out accuracy (%) | tokens | rollout tokens, mean of {WINDOW} steps each "
        "| training accuracy (%), the same | training s |\n|---|---|---|---|---|---|---|"
    ]
    for engine in ENGINES:
        found = []
        for folder in sorted(out.glob(f"{engine}-*")):
            run = RunFolder(folder)
            if not run.summary.is_file():
                continue
            summary = json.loads(run.summary.read_text())
            after, metrics = summary["after"], run.logged()
            lengths, accuracies = curve(metrics, "length/mean"), curve(metrics, "accuracy")
            found.append((100 * after["accuracy"], after["mean_tokens"]))
            lines.append(
                f"| {engine} | {folder.name.rpartition('-')[2]} | {found[-1][0]:.1f} | {found[-1][1]:.1f} "
                f"| {' '.join(f'{v:.1f}' for v in lengths)} | {' '.join(f'{100 * v:.0f}' for v in accuracies)} "
                f"| {summary['training_seconds']:.0f} |"
            )
        if len(found) > 1:
            accuracy, tokens = ([pair[i] for pair in found] for i in (0, 1))
            lines.append(f"| {engine} | all | {_spread(accuracy)} | {_spread(tokens)} | | | |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"**{fmean(values):.1f} ± {stdev(values):.1f}**"


def write_table(text: str) -> None:
    """Put the table between its markers in the diary."""
    start, end = "<!-- engines: written by experiments/engine_curves.py -->", "<!-- end of engines -->"
    marked = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    write_text(DIARY, marked.sub(lambda _: f"{start}\n{text}\n{end}", DIARY.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/engines"))
    args = parser.parse_args()
    with user_errors_exit_2():
        for engine in args.engines:
            if engine in ("workers", "ahead"):
                with local_workers("demo", 2, 256) as addresses:
                    for seed in args.seeds:
                        run_one(engine, seed, args.out, addresses)
            else:
                for seed in args.seeds:
                    run_one(engine, seed, args.out, ())
        text = table(args.out)
        print(text)
        write_table(text)


if __name__ == "__main__":
    main()
