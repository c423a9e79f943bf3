"""ShorterBetter: the group's shortest correct answer is the target (arXiv 2504.21370)."""

from __future__ import annotations

from statistics import fmean

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class ShorterBetter(Shaped):
    """R = α · c - β · |L - SOL|, SOL being the length of the shortest correct rollout of the group.

    With no correct rollout SOL is the group's mean length. Two-sided: a wrong answer shorter than
    SOL pays too. α = 2 and β = 0.001 are the released code's defaults.
    """

    name = "shorter-better"
    source = "arXiv 2504.21370"
    group_only = True

    def __init__(self, alpha: float = 2.0, beta: float = 0.001) -> None:
        at_least(self.name, 0, alpha=alpha, beta=beta)
        self.alpha, self.beta = alpha, beta

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-|L - SOL|, in tokens."""
        correct = [r.length for r in group.correct()]
        optimal = min(correct) if correct else fmean([r.length for r in group.judged()] or [0])
        return of_judged(group, lambda r: -abs(r.length - optimal))

    def combine(self, rollout: Rollout, term: float) -> float:
        return self.alpha * is_correct(rollout) + self.beta * term
