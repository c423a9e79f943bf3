"""This project's reward for a dial: as many tokens as were asked for, by share of them."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Part, Shaped, at_least, is_correct, of_judged, spent
from rewards.types import Group, Rollout, Values


class Dial(Shaped):
    """R = c - α · min(1, |n - B| / B), in the thinking tokens n and their budget B where thinking has one of its own.

    L1-Exact (`l1-exact`) counts the difference in tokens: a hundred off a budget of ten thousand costs as a hundred off
    two hundred, and far enough off the budget a wrong answer earns more than a right one. Here the price is of shares,
    so each setting of the dial pulls alike, and is bounded: with α < 1 no wrong answer earns more than a right one.

    Thinking that had to be closed did not end where it was asked to: it is taken to be off by the share `closed`.
    Without that price the best way to use a budget exactly is to be stopped at it.
    """

    name = "dial"
    source = "this project"
    group_only = True

    def __init__(self, alpha: float = 0.5, closed: float = 0.5, part: Part = "thinking") -> None:
        at_least(self.name, 0, alpha=alpha, closed=closed)
        self.alpha, self.closed, self.part = alpha, closed, part

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-min(1, |n - B| / B), or -`closed`."""
        return of_judged(group, self._term)

    def _term(self, rollout: Rollout) -> float:
        if rollout.thinking_budget is not None and rollout.forced and rollout.forced[-1][0] >= rollout.thinking_budget:
            return -self.closed
        tokens, budget = spent(rollout, self.part)
        return -min(1.0, abs(tokens - budget) / budget)

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) + self.alpha * term
