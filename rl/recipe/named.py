"""What a recipe names, found: its plug-ins with their options; without torch, so that a slip shows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curricula import BudgetSchedule, ProblemOrder
from curricula.asking import Asking
from rewards import LengthReward
from rewards.credit import TokenCredit
from rewards.edits import Edit
from rewards.verifier import Verifier
from rl.credit.calling.names import require_estimator
from rl.errors import UserError
from rl.plugins import load_asking, load_budget, load_credit, load_edit, load_order, load_reward, load_verifier
from rl.recipe.declared import declared_types
from rl.recipe.files import load_recipe
from rl.recipe.parts import Recipe
from rl.recipe.trainer_values import require_values
from rl.recipe.values import stages_of
from rl.secrecy import require_no_secrets


@dataclass(frozen=True)
class Named:
    """The plug-ins of a recipe but for its advantage estimator, which needs torch."""

    rewards: list[LengthReward]
    schedule: BudgetSchedule
    asking: Asking | None
    edits: list[Edit]
    credit: TokenCredit | None
    order: ProblemOrder
    verifier: Verifier


def named(recipe: Recipe, types: Mapping[str, Any]) -> Named:
    """`types`: of the settings that may stand under `trainer`, by name. Errors: UserError."""
    require_no_secrets(recipe.to_dict(), recipe.name)
    require_values(recipe.trainer, types, recipe.name)
    rewards = [load_reward(part.name, part.options, part.term) for part in recipe.rewards]
    if not rewards:
        raise UserError(f"{recipe.name}: a recipe needs at least one reward")
    names = [reward.name for reward in rewards]
    if len(set(names)) < len(names):
        raise UserError(f"{recipe.name}: each reward may stand once in a recipe, got {', '.join(names)}")
    budget, asking, credit = recipe.budget, recipe.asking, recipe.credit
    return Named(
        rewards,
        load_budget(budget.name, budget.options, recipe.trainer.get("max_steps")),
        load_asking(asking.name, asking.options) if asking else None,
        [load_edit(each.name, each.options) for each in recipe.edits],
        load_credit(credit.name, credit.options) if credit else None,
        load_order(recipe.data.order.name, recipe.data.order.options),
        load_verifier(recipe.verifier.name, recipe.verifier.options),
    )


def read_recipe(reference: str, overrides: Sequence[str] = ()) -> Recipe:
    """As `load_recipe`, each key, value and name in it and its stages looked at. Errors: UserError.

    What a model, the data or a device has to say of them comes with `rl.run.prepare`.
    """
    recipe, types = load_recipe(reference, overrides), declared_types()
    for part in [part for _, part in stages_of(recipe)] or [recipe]:
        require_estimator(part.advantage.name)
        named(part, types)
    return recipe
