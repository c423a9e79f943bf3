"""L1 / LCPO: think for as many tokens as the prompt says (arXiv 2503.04697)."""

from __future__ import annotations

from typing import Literal

from rewards.history import HistoryView
from rewards.shaped import Part, Shaped, at_least, is_correct, of_judged, spent
from rewards.types import Group, Rollout, Values


class L1Exact(Shaped):
    """R = c - α · |n - L|, n being the budget that the prompt states, in tokens; `part` as in `rewards.shaped.spent`.

    Not gated by correctness: beyond a difference of 1/α tokens a wrong answer on budget beats a
    correct one off budget. That is the paper's.
    """

    name = "l1-exact"
    source = "arXiv 2503.04697"
    group_only = True

    def __init__(self, alpha: float = 0.0003, part: Part = "all") -> None:
        at_least(self.name, 0, alpha=alpha)
        self.alpha, self.part = alpha, part

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-|n - L|, in tokens."""
        return of_judged(group, self._term)

    def _term(self, rollout: Rollout) -> float:
        tokens, budget = spent(rollout, self.part)
        return -abs(budget - tokens)

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) + self.alpha * term


class L1Max(Shaped):
    """R = c · clip(α · (n - L) + δ, 0, 1): n tokens at most, with a soft edge.

    The released code has half the slope: (clip(α · (n - L), -1, 1) + 1) / 2, which is
    `slope="released"`; it gates by correctness only where a flag asks for it, here both always do.
    """

    name = "l1-max"
    source = "arXiv 2503.04697"
    group_only = True

    def __init__(
        self,
        alpha: float = 0.0003,
        delta: float = 0.5,
        slope: Literal["paper", "released"] = "paper",
        part: Part = "all",
    ) -> None:
        if slope not in ("paper", "released"):
            raise ValueError(f"l1-max: slope must be 'paper' or 'released', not {slope!r}")
        at_least(self.name, 0, alpha=alpha, delta=delta)
        self.alpha, self.delta, self.slope, self.part = alpha, delta, slope, part

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """The factor in [0, 1]."""
        return of_judged(group, self._term)

    def _term(self, rollout: Rollout) -> float:
        alpha = self.alpha if self.slope == "paper" else self.alpha / 2
        tokens, budget = spent(rollout, self.part)
        return min(1.0, max(0.0, alpha * (budget - tokens) + self.delta))

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) * term
