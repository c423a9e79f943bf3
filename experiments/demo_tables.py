"""The demo recipes' tables in the diary: the main ones and the long-context one over three seeds, every method once.

    python -m experiments.demo_tables seeds
    python -m experiments.demo_tables keychain
    python -m experiments.demo_tables methods [RECIPE ...]

Two runs go side by side. Finished runs are not run again, so a command can be stopped and repeated;
it rewrites the table between its markers in experiments/DIARY.md from what lies in the run folders.
With names of recipes it runs these alone, and leaves the rows of the others.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rl.errors import UserError
from rl.folders.run import RunFolder, write_text
from rl.recipe.files import load_recipe, shipped_recipes
from rl.report.answers import accuracy_difference, read_answers
from rl.sweep.processes import how_it_ended, start_training
from rl.terminal import user_errors_exit_2

TABLES = {
    "seeds": (["demo-grpo", "demo-dler", "demo-hapo"], [0, 1, 2]),
    "keychain": (["keychain-demo"], [0, 1, 2]),
    "methods": ([name for name in shipped_recipes() if name.startswith("demo-")], [0]),
}
DIARY = Path(__file__).with_name("DIARY.md")
HEAD = (
    "| recipe | seed | accuracy before → after (%) | paired difference ± s.e. | tokens before → after | change "
    "| training s |\n|---|---|---|---|---|---|---|"
)


def run_one(name: str, seed: int, out: Path) -> RunFolder:
    """Train one recipe with one seed, unless that is done."""
    recipe = load_recipe(name, [f"seed={seed}"])
    run = RunFolder(out / f"{name}-{seed}")
    if run.status(recipe) != "finished":
        process = start_training(recipe, run)
        if process.wait():
            raise UserError(f"{name}, seed {seed}: {how_it_ended(process, run)}")
    print(f"{name}, seed {seed}: done", flush=True)
    return run


def row(name: str, seed: int, run: RunFolder) -> str:
    """One line of the table."""
    summary: dict[str, Any] = json.loads(run.summary.read_text())
    before, after = summary["before"], summary["after"]
    difference, error = accuracy_difference(*(read_answers(run.evaluation(when)) for when in ("before", "after")))
    change = after["mean_tokens"] / before["mean_tokens"] - 1
    return (
        f"| {name} | {seed} | {100 * before['accuracy']:.1f} → {100 * after['accuracy']:.1f} "
        f"| {100 * difference:+.1f} ± {100 * error:.1f} | {before['mean_tokens']:.1f} → {after['mean_tokens']:.1f} "
        f"| {change:+.0%} | {summary['training_seconds']:.0f} |"
    )


def with_rows(diary: str, name: str, rows: list[str]) -> str:
    """The diary with these rows in a table of it: each in place of its recipe and seed, in order of names."""
    start, end = f"<!-- demo-{name}: written by experiments/demo_tables.py -->", f"<!-- end of demo-{name} -->"
    before, rest = diary.split(start)
    table, after = rest.split(end)
    standing = [line for line in table.strip().splitlines() if line not in HEAD.splitlines()]
    merged = {tuple(line.split("|")[1:3]): line for line in [*standing, *rows]}
    return "\n".join([before + start, HEAD, *(merged[key] for key in sorted(merged)), end + after])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="of the table's recipes, these alone")
    parser.add_argument("--out", type=Path, default=Path("runs/tables"))
    args = parser.parse_args()
    recipes, seeds = TABLES[args.table]
    if unknown := set(args.recipes) - set(recipes):
        parser.error(f"not in the table of {args.table}: {', '.join(sorted(unknown))}")
    arms = [(name, seed) for name in args.recipes or recipes for seed in seeds]
    with user_errors_exit_2(), ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda arm: run_one(arm[0], arm[1], args.out), arms))
    rows = [row(name, seed, run) for (name, seed), run in zip(arms, runs, strict=True)]
    print("\n".join([HEAD, *rows]))
    write_text(DIARY, with_rows(DIARY.read_text(), args.table, rows))


if __name__ == "__main__":
    main()
