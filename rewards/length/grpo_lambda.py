"""GRPO-λ: a penalty of length only where a problem is solved often (arXiv 2505.18086)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rewards.history import HistoryView
from rewards.shaped import is_correct, of_judged, z_among_correct
from rewards.types import Group, Values


class GrpoLambda:
    """R = c · (1 - α · σ(z)) in the `share` of the batch's groups that are solved most often, R = c in all others.

    z is the length among the group's right rollouts, population deviation. Of n groups the share · n first ones pay,
    rounded down, earlier ones first among equals. α could not be read: 0.2 is our choice.
    """

    name = "grpo-lambda"
    source = "arXiv 2505.18086"

    def __init__(self, alpha: float = 0.2, share: float = 0.2) -> None:
        if not 0 <= alpha < 1:
            raise ValueError(f"grpo-lambda: alpha must lie in [0, 1), not {alpha}")
        if not 0 <= share <= 1:
            raise ValueError(f"grpo-lambda: share must lie in [0, 1], not {share}")
        self.alpha, self.share = alpha, share

    def batch(self, groups: Sequence[Group], history: HistoryView) -> list[Values]:
        easiest = sorted(range(len(groups)), key=lambda i: -(groups[i].accuracy() or 0.0))
        paying = set(easiest[: int(self.share * len(groups))])
        return [self._values(group, self.alpha if i in paying else 0.0) for i, group in enumerate(groups)]

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return self.batch([group], history)[0]

    def _values(self, group: Group, alpha: float) -> Values:
        z = z_among_correct(group)
        return of_judged(group, lambda r: 1 - alpha / (1 + math.exp(-z(r))) if is_correct(r) else 0.0)
