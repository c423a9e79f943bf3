"""Training language models to reason efficiently (Arora & Zanette, arXiv 2502.04463)."""

from __future__ import annotations

import math

from rewards.history import HistoryView
from rewards.shaped import Shaped, is_correct, of_judged, z_among_correct
from rewards.types import Group, Rollout, Values


class Efficient(Shaped):
    """R = c · (1 - α · σ((L - mean) / std)), both over the group's correct rollouts (population deviation).

    Where all correct rollouts are equally long, one alone included, σ is 1/2. (A published
    re-implementation takes mean 0 and deviation 1 for one alone, which charges it all of α.)
    The paper trains α in {0.05, 0.1, 0.2, 0.4}.
    """

    name = "efficient"
    source = "arXiv 2502.04463"
    group_only = True

    def __init__(self, alpha: float = 0.1) -> None:
        if not 0 <= alpha < 1:
            raise ValueError(f"efficient: alpha must lie in [0, 1), not {alpha}")
        self.alpha = alpha

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-σ of the standardised length, in [-1, 0]; 0 where the answer is wrong."""
        z = z_among_correct(group)
        return of_judged(group, lambda r: -1 / (1 + math.exp(-z(r))) if is_correct(r) else 0.0)

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) * (1 + self.alpha * term)
