"""ALP: adaptive length penalty, the heavier the easier the problem (arXiv 2506.05256)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, budget_of, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Alp(Shaped):
    """R = c - β · max(p, 1/K) · L / N, p being the share of the group's K rollouts that are correct.

    Right and wrong answers pay alike. N is a length scale in tokens: the rollout's budget, or
    `max_length`. The sources at hand state neither β nor N; with β below 1 no rollout within
    N pays more than a correct answer earns.
    """

    name = "alp"
    source = "arXiv 2506.05256"
    group_only = True

    def __init__(self, beta: float = 0.2, max_length: int | None = None) -> None:
        at_least(self.name, 0, beta=beta)
        at_least(self.name, 1, max_length=max_length)
        self.beta, self.max_length = beta, max_length

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-max(p, 1/K) · L / N."""
        count = len(group.judged())
        solved = max(len(group.correct()), 1)
        return of_judged(group, lambda r: -solved / count * r.length / budget_of(r, self.max_length))

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) + self.beta * term
