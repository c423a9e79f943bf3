"""Kimi k1.5's length reward (arXiv 2501.12599)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Kimi(Shaped):
    """R = c + w · (λ if correct else min(0, λ)), λ = 1/2 - (L - L_min) / (L_max - L_min).

    L_min and L_max are over all judged rollouts of the group, right or wrong; where they are equal
    the term is 0. The paper does not state w; 0.4 is what the re-implementation in LASER's
    repository takes. The paper trains without the term first: a recipe does so by stages.
    """

    name = "kimi"
    source = "arXiv 2501.12599"
    group_only = True

    def __init__(self, w: float = 0.4) -> None:
        at_least(self.name, 0, w=w)
        self.w = w

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """λ where correct, min(0, λ) where wrong."""
        lengths = [r.length for r in group.judged()]
        low, high = min(lengths, default=0), max(lengths, default=0)

        def term(rollout: Rollout) -> float:
            value = 0.5 - (rollout.length - low) / (high - low) if high > low else 0.0
            return value if is_correct(rollout) else min(0.0, value)

        return of_judged(group, term)

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) + self.w * term
