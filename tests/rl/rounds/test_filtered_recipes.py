"""Dynamic sampling in the shipped recipes lets train what their rewards are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from makers import group, rollout

from rewards import Group, History, HistoryView, LengthReward, Observer
from rewards.shaped import Shaped
from rewards.types import Values
from rl.plugins import is_batch, load_reward, step_for
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.parts import Recipe
from rl.recipe.values import stages_of

BUDGET = 10_000
LENGTHS = (400, 3_000, 7_000, 9_900)


def such(*correct: int) -> Group:
    """A group of four, short to long, whose rollouts say the same."""
    return group(*(rollout(n, c, text="a b c", budget=BUDGET) for n, c in zip(LENGTHS, correct, strict=True)))


MIXED = [such(1, 0, 1, 0), such(0, 1, 0, 1), such(1, 1, 0, 1), such(1, 0, 0, 1)]
RIGHT = [such(1, 1, 1, 1)]


def acts(reward: LengthReward, groups: Sequence[Group]) -> bool:
    """Whether it tells apart rollouts of one of these groups that are equally right, at first or later."""
    for step in (0, 50):
        history = History()
        for each in groups:
            if step and isinstance(reward, Observer):
                reward.observe(each, history, **step_for(reward.observe, step))
            for values in _values(reward, each, history, step):
                if len(set(values)) > 1:
                    return True
    return False


def _values(reward: LengthReward, each: Group, history: HistoryView, step: int) -> list[Values]:
    """Of the wrong ones, and of the right ones."""
    if is_batch(reward):
        (values,) = reward.batch([each], history, **step_for(reward.batch, step))
    else:
        values = reward(each, history, **step_for(reward, step))
    return [[v for r, v in zip(each.rollouts, values, strict=True) if r.raw_reward == raw] for raw in (0, 1)]


def only_where_all_are_right(recipe: Recipe) -> list[str]:
    """Rewards of a recipe that act only in groups that the filter on the raw reward drops."""
    rewards = [load_reward(part.name, part.options, part.term) for part in recipe.rewards]
    return [each.name for each in rewards if acts(each, RIGHT) and not acts(each, MIXED)]


def test_no_shipped_recipe_drops_the_groups_that_its_rewards_are_about() -> None:
    dynamic = [
        (name, part)
        for name in shipped_recipes()
        for _, part in stages_of(load_recipe(name)) or [("", load_recipe(name))]
        if part.sampling.dynamic
    ]
    assert len(dynamic) > 10
    assert {
        name: dropped
        for name, part in dynamic
        if part.sampling.filter_on == "raw" and (dropped := only_where_all_are_right(part))
    } == {}


class WhenAllAreRight(Shaped):
    """Short is better once nothing else is left to learn."""

    name = "when-all-are-right"

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        share = len(group.correct()) == len(group.rollouts)
        return [share * (1 - r.length / BUDGET) for r in group.rollouts]


def test_a_reward_of_that_kind_would_be_found() -> None:
    reward = WhenAllAreRight()
    assert acts(reward, RIGHT)
    assert not acts(reward, MIXED)
    recipe = load_recipe("demo-dler")
    named = replace(recipe.rewards[0], name=f"{__file__}:WhenAllAreRight", options={})
    assert only_where_all_are_right(replace(recipe, rewards=[named])) == ["when-all-are-right"]
