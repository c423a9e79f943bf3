"""Truncation as the length penalty: DLER (arXiv 2510.15110, section 3), ThinkPrune, SIRI."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.types import Group


class Truncation:
    """Correct *and* stopped by itself within the budget: R = c · 1[L ≤ budget].

    A rollout cut at its budget earns nothing even where its text already shows the answer (the
    paper's rule). The released code multiplies such a rollout's reward by 0.1 instead:
    `unfinished=0.1` reproduces that.
    """

    name = "truncation"

    def __init__(self, unfinished: float = 0.0) -> None:
        self.unfinished = unfinished

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [
            None if r.verdict.worth is None else r.verdict.worth * (1.0 if r.stop == "eos" else self.unfinished)
            for r in group.rollouts
        ]
