"""Which methods are audited: recipes by name or path, each stage by itself, and settings of theirs swept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from sys import float_info
from typing import Any

import numpy as np

import rewards
import rl.credit
from rl.audit.sample import Sample
from rl.errors import UserError
from rl.plugins import built_in
from rl.plugins.typed import types_of
from rl.recipe.files import load_recipe, load_yaml, shipped_recipes
from rl.recipe.parts import PluginPart, Recipe
from rl.recipe.values import stages_of

ALL = "all"
PAPERS = "papers"
"""The folder of the recipes that `all` stands for."""
MODES = {"adapt-think", "auto-think", "thinkless", "hbpo", "brpo"}
"""Rewards that compare ways of being asked, or modes of thinking."""
PARTS = {"grlc"}
"""Rewards that look at thinking and answer apart."""
BUDGET = "budget"
"""What a sweep calls the budget."""


@dataclass(frozen=True)
class Method:
    """What scores rollouts and makes advantages of the scores: a recipe, or a stage of one."""

    label: str
    recipe: Recipe
    same: tuple[str, ...] = ()
    """Others that do the same with rollouts, and differ in their updates alone."""
    swept: str = ""
    """The setting that was changed, as `w=0.1`."""

    @property
    def name(self) -> str:
        return f"{self.label} {self.swept}".strip()


@dataclass(frozen=True)
class Sweep:
    """Values of one option."""

    option: str
    values: tuple[float, ...]

    @staticmethod
    def parse(text: str) -> Sweep:
        """Of `alpha=0.1:1:5` (five from 0.1 to 1, evenly) or `alpha=0.1,0.3`. Errors: UserError."""
        option, equals, said = text.partition("=")
        parts = [load_yaml(part) for part in said.replace(":", ",").split(",")]
        if not (option and equals) or not all(map(_finite, parts)):
            raise UserError(f"--sweep {text!r} is not of the form alpha=0.1:1:5 or alpha=0.1,0.3")
        if ":" not in said:
            return Sweep(option, _of(option, parts))
        if len(parts) != 3 or not isinstance(parts[2], int) or not 2 <= parts[2] <= 100:
            raise UserError(f"--sweep {text!r}: low:high:count, as alpha=0.1:1:5, with 2 to 100 values")
        low, high, count = parts
        even = np.linspace(low, high, count).tolist()
        return Sweep(option, _of(option, [round(value) if option == BUDGET else _plain(value) for value in even]))


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= float_info.max


def _of(option: str, values: Sequence[float]) -> tuple[float, ...]:
    """Each value once. Errors: UserError for a budget that is no number of tokens."""
    wrong = next((value for value in values if option == BUDGET and (value < 1 or value != int(value))), None)
    if wrong is not None:
        raise UserError(f"--sweep budget: a budget is a whole number of tokens, at least 1, not {wrong:g}")
    return tuple(dict.fromkeys(values))


def _plain(value: float) -> float:
    """Without the noise of steps: 0.325 for 0.32500000000000001."""
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) >= 1 else rounded


def chosen(names: Sequence[str]) -> list[Method]:
    """The methods of these names, `all` for those of papers; such as score alike are one. Errors: UserError."""
    found: dict[str, Method] = {}
    for name in _named(names):
        recipe = load_recipe(name)
        stages = stages_of(recipe) or [("", recipe)]
        for stage, own in stages:
            label = f"{recipe.name}, {stage}" if len(stages) > 1 else recipe.name
            key = _scoring(own)
            if key not in found:
                found[key] = Method(label, own)
            elif found[key].recipe.name.partition("-")[0] != own.name.partition("-")[0] or len(stages) == 1:
                found[key] = replace(found[key], same=(*found[key].same, label))
    return list(found.values())


def _named(names: Sequence[str]) -> Iterable[str]:
    papers = {name: path for name, path in shipped_recipes().items() if path.parent.name == PAPERS}
    asked = [part.strip() for name in names for part in name.split(",") if part.strip()]
    if not asked:
        raise UserError("--methods names no recipe; give names or paths, as dler,kimi, or leave it out for all papers'")
    return dict.fromkeys(name for part in asked for name in (sorted(papers) if part == ALL else [part]))


def _scoring(recipe: Recipe) -> str:
    """What two recipes have in common that do the same with rollouts."""
    parts = (recipe.rewards, recipe.advantage, recipe.budget, recipe.sampling.dynamic and recipe.sampling.filter_on)
    further = (recipe.rollouts.truncated, recipe.edits, recipe.asking, recipe.credit, by_sequence(recipe))
    return repr((parts, further, recipe.data.probe is not None))


def by_sequence(recipe: Recipe) -> bool:
    """Whether the loss is a mean over rollouts of their means over tokens, so that long ones weigh no more."""
    return recipe.trainer.get("loss_type") == "grpo"


def why_not(recipe: Recipe, sample: Sample) -> str | None:
    """Why a method cannot be audited on these rollouts; None where it can."""
    names = {part.name for part in recipe.rewards}
    if recipe.edits:
        return f"edit `{recipe.edits[0].name}` changes rollouts, with the model"
    if recipe.credit is not None:
        return f"credit `{recipe.credit.name}` pays single tokens"
    if (recipe.asking is not None or names & MODES) and not sample.has_variants:
        return "its groups are asked in several ways, and these rollouts say no `variant`"
    if recipe.budget.name == "split":
        return "its budget closes thinking by force, and the model goes on from there"
    if names & PARTS and not sample.has_thinking:
        return "it tells thinking from answers, and these rollouts say no `thinking`"
    return None


def sweeps(methods: Sequence[Method], asked: Sequence[Sweep]) -> list[Method]:
    """The methods as they are, and each that has a swept option once a value. Errors: UserError where none has it."""
    found = list(methods)
    for sweep in asked:
        own = [with_option(m, sweep.option, value) for m in methods for value in sweep.values]
        if not any(own):
            raise UserError(
                f"--sweep {sweep.option}: no method here has that option; `lengthwise rewards NAME` lists them"
            )
        found += [method for method in own if method is not None]
    return found


def with_option(method: Method, option: str, value: float) -> Method | None:
    """The method with a value for an option of its rewards, its estimator, or the budget; None where none has it."""
    recipe, said = method.recipe, f"{option}={value:g}"
    if option == BUDGET:
        budget = replace(recipe.budget, name="constant", options={"tokens": int(value)})
        return replace(method, recipe=replace(recipe, budget=budget), swept=said, same=())
    own = [_set(part, option, value, "__call__", rewards) for part in recipe.rewards]
    estimator = _set(recipe.advantage, option, value, "__call__", rl.credit)
    if own == recipe.rewards and estimator == recipe.advantage and not takes_any(recipe, option):
        return None
    return replace(method, recipe=replace(recipe, rewards=own, advantage=estimator), swept=said, same=())


def takes_any(recipe: Recipe, option: str) -> bool:
    """Whether a reward or the estimator of a recipe has an option."""
    own = any(option in options_of(part, rewards) for part in recipe.rewards)
    return own or option in options_of(recipe.advantage, rl.credit)


def options_of(part: PluginPart, package: Any) -> dict[str, Any]:
    """The options of a built-in plug-in with what a recipe gives them; of another's, those that it gives."""
    maker = built_in(package, "__call__").get(part.name)
    if maker is None:
        return dict(part.options)
    return {name.removesuffix("_"): part.options.get(name.removesuffix("_")) for name in types_of(maker)}


def _set(part: Any, option: str, value: float, call: str, package: Any) -> Any:
    if option not in options_of(part, package):
        return part
    return replace(part, options={**part.options, option: value})
