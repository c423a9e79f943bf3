"""Rewards as a run calls them: checked, single terms included."""

from __future__ import annotations

import inspect
import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeGuard

from rewards import BatchReward, Group, History, HistoryView, LengthReward, Monitor, Observer, Termed
from rewards.types import Values, is_group_only
from rl.errors import UserError, unknown
from rl.plugins.blame import name_of
from rl.plugins.guard import counted, guarded, of_its_own


def score_one(reward: LengthReward, group: Group, history: History, step: int = 0) -> Values:
    """A reward's checked values for a group, in the round that begins with `step`. Errors: UserError naming it."""
    with guarded(reward):
        return unguarded(reward, group, history, step)


def unguarded(reward: LengthReward, group: Group, history: History, step: int = 0) -> Values:
    """The same within a block that guards many calls."""
    return _checked(reward, reward(_own(group), history, **step_for(reward, step)), group)


def score_together(reward: BatchReward, groups: Sequence[Group], history: History, step: int = 0) -> list[Values]:
    """The checked values of a reward that looks at a whole batch, group after group. Errors: UserError naming it."""
    with guarded(reward):
        given = reward.batch([_own(group) for group in groups], history, **step_for(reward.batch, step))
        values = counted(reward, given, len(groups), "lists of numbers", "groups")
        return [_checked(reward, own, group) for own, group in zip(values, groups, strict=True)]


def is_batch(reward: LengthReward) -> TypeGuard[BatchReward]:
    """Whether it scores the groups of a batch together."""
    return isinstance(reward, BatchReward) and callable(reward.batch)


def step_for(called: Callable[..., Any], step: int) -> dict[str, int]:
    """The further argument of a plug-in's call, or of a method of its own: `step`, where it has such a parameter."""
    # A callable object by its class's method: what is remembered is code, not objects.
    function = called if inspect.isroutine(called) else type(called).__call__
    return {"step": step} if _takes_step(getattr(function, "__func__", function)) else {}


@cache
def _takes_step(function: Callable[..., Any]) -> bool:
    try:
        return "step" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _own(group: Group) -> Group:
    return replace(group, problem=of_its_own(group.problem))


def _checked(reward: LengthReward, given: Iterable[Any], group: Group) -> Values:
    return numbers(reward, given, len(group.rollouts), "rollouts")


def numbers(reward: object, given: Iterable[Any], count: int, of: str) -> Values:
    """What a reward gave, checked. Errors: UserError naming it where that is no list of `count` numbers."""
    values = counted(reward, given, count, "numbers", of)
    try:
        return [number(value) for value in values]
    except ValueError as error:
        raise UserError(f"reward {name_of(reward)!r} gave {error}") from error


def number(value: Any) -> float | None:
    """A plug-in's value as a finite float; None and NaN both mean "not judged". Errors: ValueError."""
    if value is None:
        return None
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        what = f"{reprlib.repr(value)}, which is no number"
        raise ValueError(f"{what}; give None where there is nothing to judge") from error
    if math.isinf(found):
        raise ValueError("an infinite reward; give None where there is nothing to judge")
    return found if math.isfinite(found) else None


class OneTerm:
    """One unweighted term of a reward, as a reward of its own: `NAME.TERM`."""

    def __init__(self, whole: LengthReward, term: str) -> None:
        if not isinstance(whole, Termed):
            raise UserError(f"reward {whole.name!r} shows no terms, so `term: {term}` cannot be taken")
        if is_batch(whole):
            raise UserError(f"reward {whole.name!r} looks at a whole batch, so one term of a group cannot be taken")
        self.whole, self.term, self.name = whole, term, f"{whole.name}.{term}"
        self.group_only = is_group_only(whole)
        if isinstance(whole, Observer):
            self.observe = whole.observe
        if isinstance(whole, Monitor):
            self.interval, self.monitor = whole.interval, whole.monitor

    def __call__(self, group: Group, history: HistoryView, step: int = 0) -> Values:
        assert isinstance(self.whole, Termed)
        terms = self.whole.terms(group, history, **step_for(self.whole.terms, step))
        if self.term not in terms:
            raise unknown(f"term of reward {self.whole.name!r}", self.term, terms)
        return terms[self.term]
