"""GR3: group relative reward rescaling (arXiv 2603.10535)."""

from __future__ import annotations

from statistics import fmean

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Gr3(Shaped):
    """R = c / (1 + α · L / mean L), the mean over all judged rollouts of the group, right or wrong.

    It multiplies, so a wrong answer earns 0 at any length. The paper calibrates α on groups that are not all right:
    the largest with R_max / (1 + α) at least the mean of R, so that a right answer of mean length is never worse
    than the mean. No group of right answers of unequal lengths meets that; 0.3 is what the paper trains.
    """

    name = "gr3"
    source = "arXiv 2603.10535"
    group_only = True

    def __init__(self, alpha: float = 0.3) -> None:
        at_least(self.name, 0, alpha=alpha)
        self.alpha = alpha

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """-L / mean L."""
        mean = fmean([r.length for r in group.judged()] or [0])
        return of_judged(group, lambda r: -r.length / mean if mean else 0.0)

    def combine(self, rollout: Rollout, term: float) -> float:
        return is_correct(rollout) / (1 - self.alpha * term)
