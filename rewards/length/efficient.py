"""Training language models to reason efficiently (Arora & Zanette, arXiv 2502.04463)."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

from rewards.history import HistoryView
from rewards.shaped import Shaped, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Efficient(Shaped):
    """R = c · (1 - α · σ((L - mean) / std)), both over the group's correct rollouts (population deviation).

    Where all correct rollouts are equally long, one alone included, σ is 1/2. (A published
    re-implementation takes mean 0 and deviation 1 for one alone, which charges it all of α.)
    The paper trains α in {0.05, 0.1, 0.2, 0.4}.
    """

    name = "efficient"
    source = "arXiv 2502.04463"

    def __init__(self, alpha: float = 0.1) -> None:
        if not 0 <= alpha < 1:
            raise ValueError(f"efficient: alpha must lie in [0, 1), not {alpha}")
        self.alpha = alpha

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-σ of the standardised length, in [-1, 0]; 0 where the answer is wrong."""
        lengths = [r.length for r in group.correct()]
        if not lengths:
            return of_judged(group, lambda r: 0.0)
        mean, deviation = fmean(lengths), pstdev(lengths)

        def term(rollout: Rollout) -> float:
            z = (rollout.length - mean) / deviation if deviation else 0.0
            return -1 / (1 + math.exp(-z)) if is_correct(rollout) else 0.0

        return of_judged(group, term)

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) * (1 + self.alpha * term)
