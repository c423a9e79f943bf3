"""The study: run a grid, and report what its results show.

    python -m experiments.study run [STUDY] [--to FOLDER]
    python -m experiments.study report [STUDY]
    python -m experiments.study recipes experiments/study/cluster --to experiments/study/cluster/recipes

STUDY is a folder with a grid.yaml: experiments/study by default, and `reduced` and `cluster` in it. `run` takes two
runs at a time, one thread each, skips those whose result file is there, and goes on where it was stopped. `report`
needs the result files only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from experiments.study.grid import HERE, Grid, load_grid, require_same_defaults, write_recipes
from experiments.study.report import write_report
from experiments.study.results import Result, result_file
from rl.errors import UserError
from rl.sweep.processes import die_with_parent
from rl.terminal import user_errors_exit_2


def missing(grid: Grid, folder: Path) -> list[tuple[str, int]]:
    """The runs of the grid that have no result in the folder yet, or one of another recipe."""
    found = []
    for arm, seed in grid.runs():
        path = result_file(folder, arm, seed)
        if not path.is_file() or Result.read(path).digest != grid.digest(arm, seed):
            found.append((arm, seed))
    return found


def run_all(study: Path, folder: Path, runs: Path, workers: int) -> None:
    """Every run that is missing. Errors: UserError naming the runs that failed, once all others are done."""
    grid = load_grid(study)
    require_same_defaults(grid, folder)
    todo = missing(grid, folder)
    print(f"{len(todo)} runs to do", flush=True)
    with ThreadPoolExecutor(workers) as pool:
        ended = pool.map(lambda run: _run_one(study, run[0], run[1], folder, runs), todo)
        failed = [name for name in ended if name]
    if failed:
        raise UserError(f"failed: {', '.join(failed)}; their logs lie in {runs}")


def _run_one(study: Path, arm: str, seed: int, folder: Path, runs: Path) -> str | None:
    """The name of the run, if it failed."""
    name = f"{arm}-{seed}"
    runs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "experiments.study.one", str(study), arm, str(seed)]
    places = ["--out", str(runs / name), "--result", str(result_file(folder, arm, seed))]
    with (runs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([*command, *places], stdout=log, stderr=log, preexec_fn=die_with_parent)
        failed = process.wait() != 0
    print(f"{name}: {'failed' if failed else 'done'}", flush=True)
    return name if failed else None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report", "recipes"])
    parser.add_argument("study", type=Path, nargs="?", default=HERE, help="the folder of a grid.yaml")
    parser.add_argument("--to", type=Path, help="where results and report go, or recipes; the study's folder")
    parser.add_argument("--runs", type=Path, help="where runs are kept; runs/NAME-OF-THE-STUDY by default")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    given = parser.parse_args(arguments)
    with user_errors_exit_2():
        grid, folder = load_grid(given.study), given.to or given.study
        if given.what == "recipes":
            print(f"{len(write_recipes(grid, folder))} recipes in {folder}")
            return
        if given.what == "run":
            run_all(given.study, folder, given.runs or Path("runs") / given.study.resolve().name, given.workers)
        write_report(grid, folder)
        print(f"report: {folder / 'REPORT.md'}")


if __name__ == "__main__":
    main()
