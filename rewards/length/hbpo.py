"""HBPO's reward: a stated budget, and what it costs to leave it (arXiv 2507.15844)."""

from __future__ import annotations

import math

from rewards.history import HistoryView
from rewards.shaped import at_least, budget_of, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Hbpo:
    """R = β cos(π b / 2M) where right within b tokens, β cos(π L / 2M) - α |L - b| where right beyond, else 0.

    M is the most tokens a rollout has, b its budget, as asking `hbpo` gives it; α = 1 / M unless given. The released
    code takes the lesser of both values everywhere, so that very short answers lose a little: `lesser`. It also rounds
    the cosine to two places, which is not had here.
    """

    name = "hbpo"
    source = "arXiv 2507.15844"
    group_only = True

    def __init__(
        self, maximum: int = 4096, beta: float = 4.0, alpha: float | None = None, lesser: bool = False
    ) -> None:
        at_least(self.name, 1, maximum=maximum)
        at_least(self.name, 0, beta=beta, alpha=alpha)
        self.maximum, self.beta, self.alpha, self.lesser = maximum, beta, alpha, lesser

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return of_judged(group, self.of)

    def within(self, tokens: float) -> float:
        """β cos(π tokens / 2M)."""
        return self.beta * math.cos(math.pi * tokens / (2 * self.maximum))

    def of(self, rollout: Rollout) -> float:
        """A judged rollout's reward."""
        length, budget = rollout.length, budget_of(rollout)
        if not is_correct(rollout) or length > self.maximum:
            return 0.0
        off = 1 / self.maximum if self.alpha is None else self.alpha
        beyond = self.within(length) - off * abs(length - budget)
        if self.lesser:
            return min(self.within(budget), beyond)
        return self.within(budget) if length <= budget else beyond
