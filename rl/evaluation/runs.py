"""The checkpoints of a run, each evaluated as the run itself evaluates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rl.errors import UserError
from rl.evaluation.measuring import Asked, asked_by
from rl.evaluation.protocol import Protocol
from rl.evaluation.recipes import recipe_protocol
from rl.evaluation.rows import Evaluation
from rl.folders import checkpoints
from rl.folders.intact import model_damage
from rl.folders.run import RunFolder
from rl.models import load_config, load_tokenizer, resolve_model
from rl.plugins import load_verifier
from rl.problems.data import load_problems
from rl.ranks import found_by_main
from rl.recipe.files import kept_recipe
from rl.recipe.parts import EvaluationPart, Recipe


@dataclass(frozen=True)
class Trained:
    """A model that a run holds: its optimiser step and its folder."""

    step: int
    path: Path

    def evaluation(self, run: RunFolder, rival: str | None = None) -> Path:
        """Where its answers are kept; as a training-free rival gives them, beside its own."""
        name = f"checkpoint-{self.step}-{rival}" if rival else f"checkpoint-{self.step}"
        return run.path / "evaluation" / f"{name}.parquet"

    def require_intact(self) -> None:
        """Errors, on every rank: UserError where its files are not the bits that were written."""
        wrong = found_by_main(lambda: model_damage(self.path))
        if wrong is not None:
            raise UserError(f"{self.path}: {wrong}; put it back, or give another --checkpoint")


def recipe_of(run: RunFolder) -> Recipe:
    """Errors: UserError where the folder is no run, or one whose parts are to be named instead."""
    if not run.recipe.is_file():
        raise UserError(f"{run.path} is not a run: it has no recipe.yaml")
    recipe = kept_recipe(run.recipe)
    if recipe.stages:
        raise UserError(f"{run.path} is a run of several stages; name one, such as {_first_stage(run)}")
    return replace(recipe, model=run.model_of(recipe))


def _first_stage(run: RunFolder) -> Path:
    return next(iter(sorted(run.path.glob("stages/*"))), run.path / "stages")


def trained_models(run: RunFolder) -> list[Trained]:
    """The checkpoints that are not torn, early ones first, and the final model in place of one at its step."""
    found = {
        checkpoints.step(path): path
        for path in run.checkpoints.glob("checkpoint-*")
        if path.name.rpartition("-")[2].isdigit() and checkpoints.torn(path) is None
    }
    if run.final.exists():
        lines = run.logged()
        found[lines[-1]["step"] if lines else 0] = run.final
    return [Trained(step, found[step]) for step in sorted(found)]


def chosen_models(run: RunFolder, which: str) -> list[Trained]:
    """`last`, a step, or `all`; for `best`, too, all have to be looked at. Errors: UserError."""
    models = trained_models(run)
    if not models:
        raise UserError(f"{run.path} holds no whole checkpoint and no final model; is it trained?")
    if which in ("all", "best"):
        return models
    if which == "last":
        return models[-1:]
    found = [model for model in models if str(model.step) == which]
    if not found:
        steps = ", ".join(str(model.step) for model in models)
        raise UserError(f"{run.path} has no checkpoint {which!r}; give best, last, all, or one of {steps}")
    return found


def best_of(evaluations: dict[int, Evaluation]) -> int:
    """The step with the highest accuracy; of equals the one with fewer tokens, then the later."""
    return max(evaluations, key=lambda s: (evaluations[s].accuracy.mean, -evaluations[s].tokens.mean, s))


def best_checkpoint(run: RunFolder) -> Trained:
    """The best of the checkpoints evaluated so far. Errors: UserError where none was."""
    evaluated = {m.step: (m, m.evaluation(run)) for m in trained_models(run) if m.evaluation(run).is_file()}
    if not evaluated:
        raise UserError(f"{run.path}: no checkpoint is evaluated yet; run `lengthwise evaluate --run {run.path}` first")
    return evaluated[best_of({step: Evaluation.load(path) for step, (_, path) in evaluated.items()})][0]


def asked_of(
    run: RunFolder, recipe: Recipe, engine: str, limit: int | None, change: Callable[[Protocol], Protocol]
) -> Asked:
    """The run's own held-out problems, verifier and protocol, the latter with what `change` makes of it."""
    source = recipe.data.eval
    if source is None:
        raise UserError(f"{run.path}: the recipe has no `data.eval`; give --model and --data")
    protocol = change(recipe_protocol(recipe))
    verifier = load_verifier(protocol.verifier.name, protocol.verifier.options)
    tokenizer = load_tokenizer(resolve_model(recipe.model))
    chat = tokenizer.chat_template is not None
    form = replace(recipe.data.prompt, template=protocol.prompt, system=protocol.system)
    problems = load_problems(source, form, verifier, chat).first(limit)
    asked = asked_by(tokenizer, problems, source, verifier, protocol, engine)
    chosen = protocol.cap != EvaluationPart().budget
    return asked if chosen else asked.fitted(tokenizer, load_config(resolve_model(recipe.model)))
