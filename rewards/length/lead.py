"""GRPO-LEAD's length-regularised reward (arXiv 2504.09696)."""

from __future__ import annotations

import math

from rewards.history import HistoryView
from rewards.shaped import Shaped, is_correct, of_judged, z_among_correct
from rewards.types import Group, Rollout, Values


class Lead(Shaped):
    """Correct: R = exp(-α · z), z = (L - mean) / (std + ε) over the group's correct rollouts; wrong: R = -1.

    The deviation is the population's. The difficulty weights of the method are an advantage
    estimator, also called `lead`.
    """

    name = "lead"
    source = "arXiv 2504.09696"
    group_only = True
    epsilon = 1e-8

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0 <= alpha <= 1:
            raise ValueError(f"lead: alpha must lie in [0, 1], not {alpha}")
        self.alpha = alpha

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-z where correct, 0 where wrong."""
        z = z_among_correct(group, self.epsilon)
        return of_judged(group, lambda r: -z(r) if is_correct(r) else 0.0)

    def combine(self, rollout: Rollout, term: float) -> float:
        return math.exp(self.alpha * term) if is_correct(rollout) else -1.0
