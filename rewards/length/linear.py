"""The linear length penalty of prime-rl (github.com/PrimeIntellect-ai/prime-rl)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Linear(Shaped):
    """R = c - w · accuracy · L / max L, accuracy and maximum over the group.

    So a group that nobody solves pays nothing, and in any other one wrong answers pay for their tokens, too. prime-rl
    has two more such shares, of input tokens and turns: with one turn a problem they are the same for all of a group,
    which its advantages, minus the mean and divided by nothing (`centred`), cannot tell.
    """

    name = "linear"
    source = "github.com/PrimeIntellect-ai/prime-rl"
    group_only = True

    def __init__(self, w: float = 0.25) -> None:
        at_least(self.name, 0, w=w)
        self.w = w

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-accuracy · L / max L."""
        accuracy = group.accuracy() or 0.0
        longest = max((r.length for r in group.judged()), default=0)
        return of_judged(group, lambda r: -accuracy * r.length / longest if longest else 0.0)

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) + self.w * term
