"""The demo: a small reasoning model learns to think shorter, beside plain GRPO as the control.

Two ordinary `rl.train` processes run side by side, one thread each; this module starts them, shows
their progress, and reports both. Every part resumes where it stopped.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rl.errors import UserError, unknown
from rl.folders.lock import LOCK, locked
from rl.folders.run import RunFolder, write_text
from rl.folders.written import MARK, Mark
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.parts import Recipe
from rl.recipe.values import stages_of
from rl.report.answers import accuracy_difference
from rl.report.folder import PAGE, SUMMARY, write_page
from rl.report.runs import Run, compare_runs, read_run
from rl.report.tables import print_table
from rl.run.processes import how_it_ended, start_training
from rl.run.progress import figures, training_progress
from rl.terminal import say

CONTROL = "demo-grpo"


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
        return _demo(out, method, recipes, runs, 0.0 if overwrite else _seconds_before(out / "report" / SUMMARY))


def arms(method: str, overrides: Sequence[str]) -> dict[str, Recipe]:
    """The recipes of the method and of its control, which starts from the same model."""
    recipe = load_recipe(method, overrides)
    control = load_recipe(CONTROL, [*overrides, f"model={recipe.model}", "evaluation.before=false"])
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
    summary_file = out / "report" / SUMMARY
    started = time.monotonic()
    waiting = {label: recipe for label, recipe in recipes.items() if runs[label].status(recipe) != "finished"}
    if waiting:
        _train_side_by_side(waiting, runs)
        seconds = time.monotonic() - started
    comparison = compare_runs([read_run(run, label) for label, run in runs.items()])
    trained, control = comparison.runs
    summary = _summary(trained, control, method, seconds)
    text = verdict(summary)
    write_page(comparison, out / "report", "Thinking shorter: the demo", text)
    write_text(summary_file, json.dumps(summary, indent=2))
    print_table(comparison, f"demo, seed {trained.recipe['seed']}")
    say(text)
    say(f"report: {out / 'report' / PAGE}")
    return summary


def _seconds_before(summary: Path) -> float:
    return float(json.loads(summary.read_text())["seconds"]) if summary.is_file() else 0.0


def _summary(trained: Run, control: Run, method: str, seconds: float) -> dict[str, Any]:
    before = trained.before or trained.after
    difference, error = accuracy_difference(before, trained.after)
    return {
        "before": before.summary(),
        "after": trained.after.summary(),
        "control": control.after.summary(),
        "accuracy_difference": {"mean": difference, "standard_error": error},
        "method": method.removeprefix("demo-"),
        "steps": trained.steps,
        "seed": trained.recipe["seed"],
        "seconds": round(seconds, 1),
        "n": len(before.problems),
    }


def verdict(summary: Mapping[str, Any]) -> str:
    """What happened, in one sentence, whichever way it went."""
    before, after, control = (summary[key] for key in ("before", "after", "control"))
    change = after["mean_tokens"] / before["mean_tokens"] - 1
    control_change = control["mean_tokens"] / before["mean_tokens"] - 1
    points, error = (100 * summary["accuracy_difference"][key] for key in ("mean", "standard_error"))
    fell = "" if shortened(summary) else "Length did not fall. "
    return (
        f"{fell}{summary['method'].upper()}: {after['mean_tokens']:.1f} tokens instead of "
        f"{before['mean_tokens']:.1f} ({change:+.0%}), accuracy {after['accuracy']:.1%} instead of "
        f"{before['accuracy']:.1%} ({points:+.1f} ± {error:.1f} points). "
        f"Plain GRPO, same steps: {control['mean_tokens']:.1f} tokens ({control_change:+.0%}), "
        f"accuracy {control['accuracy']:.1%}."
    )


def shortened(summary: Mapping[str, Any]) -> bool:
    """Whether the method's answers are shorter than the untrained model's."""
    return bool(summary["after"]["mean_tokens"] < summary["before"]["mean_tokens"])


def _train_side_by_side(recipes: Mapping[str, Recipe], runs: Mapping[str, RunFolder]) -> None:
    processes = {label: start_training(recipe, runs[label]) for label, recipe in recipes.items()}
    try:
        with training_progress() as progress:
            tasks = {
                label: progress.add_task(label, total=_steps(recipe), figures="starting")
                for label, recipe in recipes.items()
            }
            while any(process.poll() is None for process in processes.values()):
                for label, task in tasks.items():
                    progress.update(task, **_latest(runs[label]))
                _stop_on_failure(processes, runs)
                time.sleep(0.5)
            for label, task in tasks.items():
                progress.update(task, **_latest(runs[label]))
        _stop_on_failure(processes, runs)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _steps(recipe: Recipe) -> int:
    return sum(int(stage.trainer["max_steps"]) for _, stage in stages_of(recipe) or [("", recipe)])


def _latest(run: RunFolder) -> dict[str, Any]:
    lines = run.logged()
    if not lines:
        return {}
    told: dict[str, Any] = next((line for line in reversed(lines) if "reward" in line), {})
    return {"completed": lines[-1]["step"], "figures": figures(told)}


def _stop_on_failure(processes: Mapping[str, subprocess.Popen[bytes]], runs: Mapping[str, RunFolder]) -> None:
    for label, process in processes.items():
        if process.poll():
            raise UserError(f"the {label} run {how_it_ended(process, runs[label])}")
