"""BRPO's reward of a summary: right, and thought once (arXiv 2505.13438)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import is_correct, of_judged
from rewards.thinking import THINK
from rewards.types import Group, Values


class Brpo:
    """R = 1 for a right answer after exactly one end of thinking, else 0."""

    name = "brpo"
    source = "arXiv 2505.13438"
    group_only = True

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return of_judged(group, lambda r: float(is_correct(r) and r.read.count(THINK.end) == 1))
