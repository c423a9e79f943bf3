"""A recipe, from its first line to its report.

`lengthwise train RECIPE` on one machine, `accelerate launch -m rl.train RECIPE` on a cluster.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from accelerate import PartialState
from transformers import (
    PrinterCallback,
    TrainerCallback,
)

from rl import checkpoints
from rl.evaluation import evaluate
from rl.models import load_model, quieten_libraries
from rl.prepare import Prepared, prepare
from rl.probe import probed
from rl.progress import ProgressCallback
from rl.recipe import Recipe, stages_of
from rl.recipe_files import load_recipe
from rl.report import write_run_report
from rl.run_folder import RunFolder
from rl.trainer import LengthGRPOTrainer


def train(
    reference: str,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunFolder:
    """Train a recipe to its end and report; resume it where it stopped; only report it if finished."""
    quieten_libraries()
    recipe = load_recipe(reference, overrides)
    run = RunFolder(out or Path("runs") / recipe.name)
    plan = stages_of(recipe)
    for name, stage in plan or [("", recipe)]:
        prepare(stage, run.stage(1, name).path if plan else run.path)
    state = PartialState()
    if overwrite and state.is_main_process:
        run.clear()
    state.wait_for_everyone()
    status = run.status(recipe)
    state.wait_for_everyone()
    if status == "finished":
        return run
    if state.is_main_process:
        run.start(recipe)
    if plan:
        _train_stages(plan, run, quiet)
    else:
        _train_one(recipe, run, quiet)
    if state.is_main_process:
        write_run_report(run)
    state.wait_for_everyone()
    return run


def _train_stages(plan: Sequence[tuple[str, Recipe]], run: RunFolder, quiet: bool) -> None:
    """One run after the other, each from the model before it; the whole then shows the last one's results."""
    before: RunFolder | None = None
    stages = [run.stage(place, name) for place, (name, _) in enumerate(plan, 1)]
    for (_, recipe), stage in zip(plan, stages, strict=True):
        if before is not None:
            # The stage before has been evaluated already: its "after" is this one's "before".
            recipe = dataclasses.replace(
                recipe,
                model=str(before.final.resolve()),
                evaluation=dataclasses.replace(recipe.evaluation, before=False),
            )
        if stage.status(recipe) != "finished":
            PartialState().wait_for_everyone()
            if PartialState().is_main_process:
                stage.start(recipe)
            _train_one(recipe, stage, quiet)
            if PartialState().is_main_process:
                write_run_report(stage)
        PartialState().wait_for_everyone()
        before = stage
    if PartialState().is_main_process:
        run.gather(stages)
    PartialState().wait_for_everyone()


def _train_one(recipe: Recipe, run: RunFolder, quiet: bool) -> None:
    prepared = prepare(recipe, run.path)
    trainer = _trainer(prepared, run, quiet)
    _evaluate(prepared, trainer, run, "before")
    if not run.final.exists():
        checkpoint = checkpoints.latest(run.checkpoints)
        if trainer.accelerator.is_main_process:
            run.trim_metrics(checkpoints.step(checkpoint) if checkpoint else 0)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        _save_final(trainer, run)
    _evaluate(prepared, trainer, run, "after")


def _trainer(prepared: Prepared, run: RunFolder, quiet: bool) -> LengthGRPOTrainer:
    source = str(run.final) if run.final.exists() else prepared.model
    model = load_model(source, **(prepared.config.model_init_kwargs or {}))
    problems = prepared.train.problems
    if prepared.recipe.data.probe and not run.final.exists():
        problems = probed(prepared, model, run)
    callbacks: list[TrainerCallback] = [_MetricsWriter(run)]
    if not quiet:
        callbacks.append(ProgressCallback(prepared.recipe.name))
    trainer = LengthGRPOTrainer(
        model=model,
        args=prepared.config,
        problems=problems,
        rewards=prepared.rewards,
        budget=prepared.budgets,
        verifier=prepared.verifier,
        processing_class=prepared.tokenizer,
        order=prepared.order,
        monitor=prepared.monitor.problems if prepared.monitor else (),
        on_round=run.write_round,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _evaluate(prepared: Prepared, trainer: LengthGRPOTrainer, run: RunFolder, when: Literal["before", "after"]) -> None:
    target = run.evaluation(when)
    if prepared.eval is None or target.is_file() or (when == "before" and not prepared.recipe.evaluation.before):
        return
    part = prepared.recipe.evaluation
    problems = [prepared.budgets.written(problem, part.prompt_budget) for problem in prepared.eval.problems]
    with trainer.whole_model() as model:
        result = evaluate(
            model,
            prepared.tokenizer,
            problems,
            prepared.verifier,
            part,
            prepared.recipe.seed,
            prepared.config.chat_template_kwargs,
        )
    if trainer.accelerator.is_main_process:
        result.save(target)


def _save_final(trainer: LengthGRPOTrainer, run: RunFolder) -> None:
    temporary = run.final.with_name("final.tmp")
    if trainer.accelerator.is_main_process:
        shutil.rmtree(temporary, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(temporary))
    trainer.accelerator.wait_for_everyone()
    if trainer.accelerator.is_main_process:
        temporary.rename(run.final)
    trainer.accelerator.wait_for_everyone()


class _MetricsWriter(TrainerCallback):
    """Appends each logged step to the run's metrics.jsonl."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if state.is_world_process_zero and logs and "loss" in logs:
            self.run.log({"step": state.global_step, "time": time.time(), **logs})


def is_main_process() -> bool:
    """Whether this rank speaks for the launch."""
    return bool(PartialState().is_main_process)


def dry_run(reference: str, overrides: Sequence[str], out: Path | None) -> str:
    """The resolved recipe and what its data and plug-ins came to; writes nothing."""
    quieten_libraries()
    recipe = load_recipe(reference, overrides)
    lines = [recipe.to_yaml()]
    plan = stages_of(recipe)
    for name, stage in plan or [("", recipe)]:
        lines += [f"stage      {name}"] if plan else []
        lines += prepare(stage, out or Path("runs") / recipe.name).describe()
    return "\n".join(lines)


if __name__ == "__main__":
    from rl.cli import run_command

    run_command(["train", *sys.argv[1:]])
