"""The cosine length reward of Demystifying Long Chain-of-Thought Reasoning (arXiv 2502.03373)."""

from __future__ import annotations

import math

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, budget_of, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Cosine(Shaped):
    """From r_0 at length 0 along half a cosine to r_L at L_max, apart for right and wrong; r_exceed from L_max on.

    CosFn(L) = r_L + (r_0 - r_L) / 2 · (1 + cos(π · L / L_max)). As printed, the paper passes r_0
    where its function takes the value at L_max, and the other way round; r_0 is meant at length 0,
    and so it is here. L_max is the rollout's budget, or `max_length`.
    """

    name = "cosine"
    source = "arXiv 2502.03373"
    group_only = True

    def __init__(
        self,
        r_correct_0: float = 2.0,
        r_correct_l: float = 1.0,
        r_wrong_0: float = -10.0,
        r_wrong_l: float = 0.0,
        r_exceed: float = -10.0,
        max_length: int | None = None,
    ) -> None:
        at_least(self.name, 1, max_length=max_length)
        self.correct, self.wrong = (r_correct_0, r_correct_l), (r_wrong_0, r_wrong_l)
        self.r_exceed, self.max_length = r_exceed, max_length

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """The whole reward: it has no part without length."""
        return of_judged(group, self._reward)

    def _reward(self, rollout: Rollout) -> float:
        share = rollout.length / budget_of(rollout, self.max_length)
        if share >= 1:
            return self.r_exceed
        start, end = self.correct if is_correct(rollout) else self.wrong
        return end + (start - end) / 2 * (1 + math.cos(math.pi * share))

    def combine(self, rollout: Rollout, term: float) -> float:
        return term
