"""The demo: a small reasoning model learns to think shorter, beside plain GRPO as the control.

Two ordinary `rl.train` processes run side by side, one thread each; this module starts them, shows their progress, and
has both reported (`result.py`). Every part resumes where it stopped.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.progress import TaskID

from rl.errors import UserError, unknown
from rl.folders.lock import LOCK, locked
from rl.folders.run import RunFolder
from rl.folders.written import MARK, Mark
from rl.recipe.files import shipped_recipes
from rl.recipe.named import read_recipe
from rl.recipe.parts import Recipe
from rl.recipe.values import stages_of
from rl.sweep.processes import how_it_ended, start_training
from rl.terminal import TrainingProgress, figures

CONTROL = "demo-grpo"
RESULT = "rl.demo.result"
"""Takes seconds to import, which the runs need not wait for."""


def demo(
    out: Path = Path("runs/demo"),
    method: str = "demo-dler",
    seed: int = 0,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train the method and the control, compare them with the model before, and give the summary.

    A finished demo is only shown again. `overrides` apply to both recipes.
    """
    methods = [name for name in shipped_recipes() if name.startswith("demo-") and name != CONTROL]
    if method not in methods:
        raise unknown("demo method", method, methods)
    common = [f"seed={seed}", *overrides]
    recipes = arms(method, common)
    runs = {label: RunFolder(out / label) for label in recipes}
    _require_place(out)
    with locked(out):
        _begin(out, runs, overwrite)
        return _demo(out, method, recipes, runs, 0.0 if overwrite else _seconds_before(RunFolder(out).summary))


def arms(method: str, overrides: Sequence[str]) -> dict[str, Recipe]:
    """The recipes of the method and of its control, which starts from the same model."""
    recipe = read_recipe(method, overrides)
    control = read_recipe(CONTROL, [*overrides, f"model={recipe.model}", "evaluation.before=false"])
    return {method.removeprefix("demo-"): recipe, "control": control}


def _require_place(out: Path) -> None:
    """Errors: UserError where `out` is there and is no demo's folder; those of older demos have no mark."""
    if not out.exists() or Mark(out).kind == "demo" or RunFolder(out / "control").recipe.is_file():
        return
    if not out.is_dir() or any(path.name not in (LOCK, f"{MARK}.tmp") for path in out.iterdir()):
        raise UserError(f"{out} exists and is not a demo's folder; choose another --out")


def _begin(out: Path, runs: Mapping[str, RunFolder], overwrite: bool) -> None:
    """Mark a new folder. With `overwrite`, delete both runs: neither where one is trained, or is not all ours."""
    if not any(path.name != LOCK for path in out.iterdir()):
        Mark(out).write("demo")
    there = [run for run in runs.values() if overwrite and run.clearable()]
    with ExitStack() as held:
        for run in there:
            held.enter_context(locked(run.path))
        for run in there:
            run.clear()


def _demo(
    out: Path, method: str, recipes: Mapping[str, Recipe], runs: Mapping[str, RunFolder], seconds: float
) -> dict[str, Any]:
    started = time.monotonic()
    waiting = {label: recipe for label, recipe in recipes.items() if runs[label].status(recipe) != "finished"}
    if waiting:
        _train_side_by_side(waiting, runs)
        seconds = time.monotonic() - started
    summary: dict[str, Any] = import_module(RESULT).show(out, method, runs, seconds)
    return summary


def _seconds_before(summary: Path) -> float:
    return float(json.loads(summary.read_text())["seconds"]) if summary.is_file() else 0.0


def _train_side_by_side(recipes: Mapping[str, Recipe], runs: Mapping[str, RunFolder]) -> None:
    processes = {label: start_training(recipe, runs[label]) for label, recipe in recipes.items()}
    try:
        progress = TrainingProgress()
        with progress.bars:
            tasks = {label: progress.add(label, _steps(recipe), 0, _first(recipe)) for label, recipe in recipes.items()}
            while any(process.poll() is None for process in processes.values()):
                _show(progress, tasks, runs)
                _stop_on_failure(processes, runs)
                if any(process.poll() is not None for process in processes.values()):
                    import_module(RESULT)  # a core is free for it
                time.sleep(0.5)
            _show(progress, tasks, runs)
        _stop_on_failure(processes, runs)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _steps(recipe: Recipe) -> int:
    return sum(int(stage.trainer["max_steps"]) for _, stage in stages_of(recipe) or [("", recipe)])


def _first(recipe: Recipe) -> str:
    return "answers held-out problems first" if recipe.evaluation.before and recipe.data.eval else "starting"


def _show(progress: TrainingProgress, tasks: Mapping[str, TaskID], runs: Mapping[str, RunFolder]) -> None:
    for label, task in tasks.items():
        if lines := runs[label].logged():
            told: dict[str, Any] = next((line for line in reversed(lines) if "reward" in line), {})
            progress.update(task, lines[-1]["step"], figures(told))


def _stop_on_failure(processes: Mapping[str, subprocess.Popen[bytes]], runs: Mapping[str, RunFolder]) -> None:
    for label, process in processes.items():
        if process.poll():
            raise UserError(f"the {label} run {how_it_ended(process, runs[label])}")
