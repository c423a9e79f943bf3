"""GDPO's length reward, earned by correct answers only (arXiv 2601.05242)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Values


class ConditionedLength(Shaped):
    """R = c + R_len, R_len = 1 where L ≤ `target` tokens and, if `conditioned`, the answer is correct.

    The method weighs c and R_len apart, each normalised by itself: in a recipe take this reward's
    `term: length` beside `correct`, with the estimator `gdpo`.
    """

    name = "conditioned-length"
    source = "arXiv 2601.05242"
    group_only = True

    def __init__(self, target: int = 4000, conditioned: bool = True) -> None:
        at_least(self.name, 0, target=target)
        self.target, self.conditioned = target, conditioned

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """R_len."""
        return of_judged(group, lambda r: float(r.length <= self.target and (is_correct(r) or not self.conditioned)))
