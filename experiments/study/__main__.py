"""The study: run a grid, and report what its results show.

    python -m experiments.study run [--grid grid-reduced.yaml] [--out runs/study]
    python -m experiments.study report
    python -m experiments.study recipes --grid grid-cluster.yaml --out recipes/

`run` takes two runs at a time, one thread each, skips those whose result file is there, and goes on where it was
stopped. `report` needs the result files only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from experiments.study.grid import HERE, Grid, load_grid, write_recipes
from experiments.study.report import write_report
from experiments.study.results import Result, result_file
from rl.errors import UserError, user_errors_exit_2
from rl.processes import die_with_parent


def missing(grid: Grid, results: Path) -> list[tuple[str, int]]:
    """The runs of the grid that have no result yet, or one of another recipe."""
    found = []
    for arm, seed in grid.runs():
        path = result_file(results, arm, seed)
        if not path.is_file() or Result.read(path).digest != grid.digest(arm, seed):
            found.append((arm, seed))
    return found


def run_all(grid_file: Path, results: Path, out: Path, workers: int) -> None:
    """Every run that is missing. Errors: UserError naming the runs that failed, once all others are done."""
    todo = missing(load_grid(grid_file), results)
    print(f"{len(todo)} runs to do", flush=True)
    with ThreadPoolExecutor(workers) as pool:
        ended = pool.map(lambda run: _run_one(grid_file, run[0], run[1], results, out), todo)
        failed = [name for name in ended if name]
    if failed:
        raise UserError(f"failed: {', '.join(failed)}; their logs lie in {out}")


def _run_one(grid_file: Path, arm: str, seed: int, results: Path, out: Path) -> str | None:
    """The name of the run, if it failed."""
    name = f"{arm}-{seed}"
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "experiments.study.one", str(grid_file), arm, str(seed)]
    places = ["--out", str(out / name), "--result", str(result_file(results, arm, seed))]
    with (out / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([*command, *places], stdout=log, stderr=log, preexec_fn=die_with_parent)
        failed = process.wait() != 0
    print(f"{name}: {'failed' if failed else 'done'}", flush=True)
    return name if failed else None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report", "recipes"])
    parser.add_argument("--grid", type=Path, default=HERE / "grid.yaml", help="a grid file")
    parser.add_argument("--results", type=Path, help="where result files and report lie; results/ beside the grid")
    parser.add_argument("--out", type=Path, default=Path("runs/study"), help="run folders, or recipe files")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    given = parser.parse_args(arguments)
    results = given.results or given.grid.with_name("results") / given.grid.stem
    with user_errors_exit_2():
        grid = load_grid(given.grid)
        if given.what == "recipes":
            print(f"{len(write_recipes(grid, given.out))} recipes in {given.out}")
            return
        if given.what == "run":
            run_all(given.grid, results, given.out, given.workers)
        write_report(grid, results)
        print(f"report: {results / 'REPORT.md'}")


if __name__ == "__main__":
    main()
