"""GRPO-LEAD's length-regularised reward (arXiv 2504.09696)."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

from rewards.history import HistoryView
from rewards.shaped import Shaped, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Lead(Shaped):
    """Correct: R = exp(-α · z), z = (L - mean) / (std + ε) over the group's correct rollouts; wrong: R = -1.

    The deviation is the population's. The difficulty weights of the method are an advantage
    estimator, also called `lead`.
    """

    name = "lead"
    source = "arXiv 2504.09696"
    epsilon = 1e-8

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0 <= alpha <= 1:
            raise ValueError(f"lead: alpha must lie in [0, 1], not {alpha}")
        self.alpha = alpha

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-z where correct, 0 where wrong."""
        lengths = [r.length for r in group.correct()]
        if not lengths:
            return of_judged(group, lambda r: 0.0)
        mean, deviation = fmean(lengths), pstdev(lengths)
        return of_judged(group, lambda r: is_correct(r) * (mean - r.length) / (deviation + self.epsilon))

    def combine(self, rollout: Rollout, term: float) -> float:
        return math.exp(self.alpha * term) if is_correct(rollout) else -1.0
