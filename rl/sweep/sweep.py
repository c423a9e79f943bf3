"""What a sweep does: its runs one after the other, those that fail named and passed over, one page over the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rl.errors import UserError
from rl.folders.lock import LOCK
from rl.folders.written import MARK, Mark
from rl.sweep.grid import Point
from rl.sweep.processes import how_it_ended, start_training
from rl.terminal import say

PAGE = "comparison"
"""The folder of the page, beside the runs."""
PROBLEMS = 40
"""Held-out problems that it shows in full."""


def require_place(out: Path) -> None:
    """Errors: UserError where `out` is there and is no sweep's folder."""
    if not out.exists() or Mark(out).kind == "sweep":
        return
    if not out.is_dir() or any(path.name not in (LOCK, f"{MARK}.tmp") for path in out.iterdir()):
        raise UserError(f"{out} exists and is not a sweep's folder; choose another --out")


def unfinished(points: Sequence[Point]) -> list[Point]:
    """Those that are still to be trained. Errors: UserError where another recipe's run is in the place of one."""
    return [point for point in points if point.run.status(point.recipe) != "finished"]


def train_here(todo: Sequence[Point]) -> dict[str, str]:
    """Train them one after the other, each as a process of its own; how those ended that failed, by name."""
    failed = {}
    for number, point in enumerate(todo, 1):
        say(f"{number} of {len(todo)}: {point.name}, `lengthwise watch {point.run.path}` shows it", error=True)
        process = start_training(point.recipe, point.run)
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()  # it heard the key as well, and saves a checkpoint
            raise
        if process.returncode:
            failed[point.name] = how_it_ended(process, point.run)
            say(f"{point.name} {failed[point.name]}", error=True)
    return failed


def finish(out: Path, points: Sequence[Point]) -> None:
    """A page over the runs that are finished. Errors: UserError where none is, or naming those that are not."""
    from rl.report.folder import write_comparison
    from rl.report.runs import compare_runs, read_run
    from rl.report.tables import print_table

    left = unfinished(points)
    done = [point for point in points if point not in left]
    if done:
        comparison = compare_runs([read_run(p.run, p.name, checkpoints=True, rollouts=True) for p in done], mixed=True)
        write_comparison(comparison, out / PAGE, PROBLEMS)
        print_table(comparison, "comparison of runs")
        say(f"report: {out / PAGE / 'index.html'}")
    if left:
        names = ", ".join(point.name for point in left)
        raise UserError(
            f"{len(left)} of {len(points)} runs are not finished: {names}; the same command goes on with them, and "
            f"{out}/NAME.log says what each said"
        )
