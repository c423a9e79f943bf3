"""The rollouts of an audit: as they were logged, and as they would be under another cap and budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from rewards import Group, Rollout, Verdict
from rl.bulk import uncollected
from rl.elsewhere.rollout_files import Logged
from rl.errors import UserError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LARGEST = 4096
"""Rollouts of a group: of more, something else is meant."""
Ruled = tuple[int | None, int | None, str]
"""Cap, budget, and what a rollout cut at its cap counts as (`wrong`, `judge`)."""


@dataclass
class Sample:
    """Groups of judged rollouts. Errors: UserError for no rollouts, or a group that cannot be one."""

    groups: list[Group]
    rounds: list[list[int]]
    _made: tuple[Ruled, list[Group]] | None = field(default=None, repr=False)

    @staticmethod
    def of(logged: Logged) -> Sample:
        largest = max((group for group in logged.groups), key=lambda group: len(group.rollouts), default=None)
        if largest is None or not any(group.judged() for group in logged.groups):
            raise UserError("no rollout of these was judged, so there is nothing to audit")
        if len(largest.rollouts) > LARGEST:
            raise UserError(
                f"problem {largest.problem.id!r} has a group of {len(largest.rollouts):,} rollouts; are `problem_id`, "
                "`round` and `group` right?"
            )
        return Sample(logged.groups, logged.rounds)

    @cached_property
    def index(self) -> Ints:
        """(N,) the group of each rollout."""
        return np.repeat(np.arange(len(self.groups)), [len(group.rollouts) for group in self.groups])

    @cached_property
    def lengths(self) -> Floats:
        """(N,) tokens, as logged."""
        return each(self.groups, lambda rollout: rollout.length)

    @cached_property
    def correct(self) -> Floats:
        """(N,) 1 right, 0 not, NaN not judged, whatever the cap."""
        return each(self.groups, lambda rollout: rollout.raw_reward)

    @cached_property
    def has_thinking(self) -> bool:
        return any(rollout.thinking for group in self.groups for rollout in group.rollouts)

    @cached_property
    def has_variants(self) -> bool:
        return any(rollout.variant for group in self.groups for rollout in group.rollouts)

    @cached_property
    def visited_once(self) -> bool:
        """Whether no problem has two groups, so that rollouts hold no history of any."""
        return len({group.problem.id for group in self.groups}) == len(self.groups)

    @cached_property
    def probed(self) -> Sample:
        """With what a probe of the same model would find of each problem, where the file does not say: its group's."""
        return Sample([_probed(group) for group in self.groups], self.rounds)

    def under(self, cap: int | None, budget: int | None, truncated: str) -> list[Group]:
        """The groups as they would be; the last answer is kept."""
        rule = (cap, budget, truncated)
        if self._made is None or self._made[0] != rule:
            self._made = None
            with uncollected():
                self._made = rule, [ruled(group, *rule) for group in self.groups]
        return self._made[1]

    def few(self, count: int) -> Sample:
        """At most `count` groups that hold right and wrong rollouts, evenly chosen."""
        mixed = [group for group in self.groups if len({r.raw_reward for r in group.judged()}) > 1]
        places = {int(place) for place in np.linspace(0, len(mixed) - 1, min(count, len(mixed)))}
        few = [mixed[place] for place in sorted(places)]
        return Sample(few, [list(range(len(few)))])


def each(groups: list[Group], value: Callable[[Rollout], float | None]) -> Floats:
    """(N,) a number of each rollout, NaN for None."""
    found = (value(rollout) for group in groups for rollout in group.rollouts)
    return np.fromiter((np.nan if one is None else one for one in found), float)


def ruled(group: Group, cap: int | None, budget: int | None, truncated: str) -> Group:
    """A group as it would be under a cap: longer rollouts end there, and count as wrong, as nobody knows their text."""
    return Group(group.problem, tuple(_ruled(rollout, cap, budget, truncated) for rollout in group.rollouts))


def _ruled(rollout: Rollout, cap: int | None, budget: int | None, truncated: str) -> Rollout:
    budget = rollout.budget if budget is None else budget
    if cap is not None and rollout.length > cap:
        judged = rollout.raw_reward is not None
        return replace(
            rollout,
            length=cap,
            thinking=min(rollout.thinking, cap),
            token_ids=rollout.token_ids[:cap],
            stop="length",
            budget=budget,
            verdict=Verdict.WRONG if judged else rollout.verdict,
            raw_reward=0.0 if judged else None,
        )
    cut = truncated == "wrong" and rollout.stop == "length" and rollout.raw_reward == 1.0
    if not cut and budget == rollout.budget:
        return rollout
    return replace(rollout, budget=budget, raw_reward=0.0 if cut else rollout.raw_reward)


def _probed(group: Group) -> Group:
    accuracy = group.accuracy()
    if accuracy is None or "ref_length" in group.problem.columns:
        return group
    found = {"ref_length": fmean(r.length for r in group.rollouts), "ref_accuracy": accuracy, "pass_rate": accuracy}
    return replace(group, problem=replace(group.problem, columns={**group.problem.columns, **found}))
