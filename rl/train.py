"""A recipe, from its first line to its report.

`lengthwise train RECIPE` on one machine, `accelerate launch -m rl.train RECIPE` on a cluster.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from accelerate import PartialState
from transformers import (
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
)

from curricula import BudgetSchedule
from rewards import LengthReward
from rewards.verifier import MathVerifier, Verifier
from rl import checkpoints
from rl.config import LengthGRPOConfig, trainer_config
from rl.data import ProblemSet, load_problems
from rl.errors import UserError
from rl.evaluation import evaluate
from rl.models import load_model, load_tokenizer, quieten_libraries, resolve_model
from rl.plugins import load_budget, load_reward
from rl.progress import ProgressCallback
from rl.recipe import Recipe
from rl.recipe_files import load_recipe
from rl.report import write_run_report
from rl.run_folder import RunFolder
from rl.trainer import LengthGRPOTrainer


@dataclass(frozen=True)
class Prepared:
    """A recipe whose every name has been resolved and every problem read; nothing written yet."""

    recipe: Recipe
    config: LengthGRPOConfig
    rewards: list[LengthReward]
    budget: BudgetSchedule
    verifier: Verifier
    model: str
    tokenizer: PreTrainedTokenizerBase
    train: ProblemSet
    eval: ProblemSet | None

    def describe(self) -> list[str]:
        """What a dry run prints below the resolved recipe."""
        lines = [f"model      {self.model}", _describe("train", self.train)]
        if self.eval:
            lines.append(_describe("eval", self.eval))
        c = self.config
        lines.append(
            f"round      {c.groups_per_round} groups x {c.num_generations} rollouts, {c.round_steps} optimiser steps, "
            f"at most {self.budget.maximum} tokens a rollout"
        )
        return lines


def _describe(name: str, problems: ProblemSet) -> str:
    left_out = f", {problems.unreadable} left out (unreadable answer)" if problems.unreadable else ""
    copies = f", {problems.duplicates} copies left out" if problems.duplicates else ""
    return f"{name:<10} {len(problems.problems)} problems from {problems.source}{left_out}{copies}"


def prepare(recipe: Recipe, out: Path) -> Prepared:
    """Resolve and check everything that can be checked before anything is written or trained."""
    rewards = [load_reward(part.name, part.options) for part in recipe.rewards]
    if not rewards:
        raise UserError(f"{recipe.name}: a recipe needs at least one reward")
    names = [reward.name for reward in rewards]
    if len(set(names)) < len(names):
        raise UserError(f"{recipe.name}: each reward may stand once in a recipe, got {', '.join(names)}")
    budget = load_budget(recipe.budget.name, recipe.budget.options)
    config = trainer_config(recipe, out, budget.maximum)
    model = resolve_model(recipe.model)
    tokenizer = load_tokenizer(model)
    verifier = MathVerifier()
    chat = tokenizer.chat_template is not None
    train = load_problems(recipe.data.train, recipe.data.prompt, verifier, chat)
    held_out = load_problems(recipe.data.eval, recipe.data.prompt, verifier, chat) if recipe.data.eval else None
    config.require_problems(len(train.problems), train.source)
    return Prepared(recipe, config, rewards, budget, verifier, model, tokenizer, train, held_out)


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
    prepared = prepare(recipe, run.path)
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
    trainer = _trainer(prepared, run, quiet)
    _evaluate(prepared, trainer, run, "before")
    if not run.final.exists():
        checkpoint = checkpoints.latest(run.checkpoints)
        if state.is_main_process:
            run.trim_metrics(checkpoints.step(checkpoint) if checkpoint else 0)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        _save_final(trainer, run)
    _evaluate(prepared, trainer, run, "after")
    if state.is_main_process:
        write_run_report(run)
    state.wait_for_everyone()
    return run


def _trainer(prepared: Prepared, run: RunFolder, quiet: bool) -> LengthGRPOTrainer:
    source = str(run.final) if run.final.exists() else prepared.model
    callbacks: list[TrainerCallback] = [_MetricsWriter(run)]
    if not quiet:
        callbacks.append(ProgressCallback(prepared.recipe.name))
    trainer = LengthGRPOTrainer(
        model=load_model(source, **(prepared.config.model_init_kwargs or {})),
        args=prepared.config,
        problems=prepared.train.problems,
        rewards=prepared.rewards,
        budget=prepared.budget,
        verifier=prepared.verifier,
        processing_class=prepared.tokenizer,
        on_round=run.write_round,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _evaluate(prepared: Prepared, trainer: LengthGRPOTrainer, run: RunFolder, when: Literal["before", "after"]) -> None:
    target = run.evaluation(when)
    if prepared.eval is None or target.is_file() or (when == "before" and not prepared.recipe.evaluation.before):
        return
    recipe = prepared.recipe
    with trainer.whole_model() as model:
        result = evaluate(
            model,
            prepared.tokenizer,
            prepared.eval.problems,
            prepared.verifier,
            recipe.evaluation,
            recipe.seed,
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
    prepared = prepare(recipe, out or Path("runs") / recipe.name)
    return "\n".join([recipe.to_yaml(), *prepared.describe()])


if __name__ == "__main__":
    from rl.cli import run_command

    run_command(["train", *sys.argv[1:]])
