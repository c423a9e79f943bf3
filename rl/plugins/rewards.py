"""Rewards as a run calls them: checked, single terms included."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from rewards import Group, History, HistoryView, LengthReward, Monitor, Observer, Termed
from rewards.types import Values, is_group_only
from rl.errors import UserError, unknown
from rl.plugins.guard import counted, guarded, of_its_own


def score_one(reward: LengthReward, group: Group, history: History) -> Values:
    """A reward's checked values for a group. Errors: UserError naming the reward."""
    with guarded(reward):
        return unguarded(reward, group, history)


def unguarded(reward: LengthReward, group: Group, history: History) -> Values:
    """The same within a block that guards many calls."""
    own = replace(group, problem=of_its_own(group.problem))
    values = [number(value) for value in counted(reward(own, history), len(group.rollouts))]
    if len(values) != len(group.rollouts):
        raise UserError(f"reward {reward.name!r} gave {len(values)} numbers for {len(group.rollouts)} rollouts")
    return values


def number(value: Any) -> float | None:
    """A plug-in's value as a finite float; None and NaN both mean "not judged". Errors: ValueError."""
    if value is None:
        return None
    value = float(value)
    if math.isfinite(value):
        return value  # type: ignore[no-any-return]
    if math.isinf(value):
        raise ValueError("an infinite reward; give None where there is nothing to judge")
    return None


class OneTerm:
    """One unweighted term of a reward, as a reward of its own: `NAME.TERM`."""

    def __init__(self, whole: LengthReward, term: str) -> None:
        if not isinstance(whole, Termed):
            raise UserError(f"reward {whole.name!r} shows no terms, so `term: {term}` cannot be taken")
        self.whole, self.term, self.name = whole, term, f"{whole.name}.{term}"
        self.group_only = is_group_only(whole)
        if isinstance(whole, Observer):
            self.observe = whole.observe
        if isinstance(whole, Monitor):
            self.interval, self.monitor = whole.interval, whole.monitor

    def __call__(self, group: Group, history: HistoryView) -> Values:
        assert isinstance(self.whole, Termed)
        terms = self.whole.terms(group, history)
        if self.term not in terms:
            raise unknown(f"term of reward {self.whole.name!r}", self.term, terms)
        return terms[self.term]
