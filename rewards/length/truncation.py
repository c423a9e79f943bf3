"""Truncation as the length penalty: DLER (arXiv 2510.15110, section 3), ThinkPrune, SIRI, CAMPO."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped
from rewards.types import Group, Rollout, Values


class Truncation(Shaped):
    """Correct *and* stopped by itself within the budget: R = c · 1[L ≤ budget].

    A rollout cut at its budget earns nothing even where its text already shows the answer (the
    paper's rule). The released code multiplies such a rollout's reward by 0.1 instead:
    `unfinished=0.1` reproduces that. The budget is the rollout's: where a schedule gives a group its
    own (DA-DLER), a rollout that stopped by itself but beyond it counts as unfinished too.
    """

    name = "truncation"
    source = "arXiv 2510.15110"
    group_only = True

    def __init__(self, unfinished: float = 0.0) -> None:
        if not 0 <= unfinished <= 1:
            raise ValueError(f"truncation: unfinished must lie in [0, 1], not {unfinished}")
        self.unfinished = unfinished

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """1 where the rollout stopped by itself within its budget, else 0."""
        return [None if r.verdict.worth is None else float(_finished(r)) for r in group.rollouts]

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        """`correct` whatever the length, and `length`."""
        return super().terms(group, history) | {"correct": [r.verdict.worth for r in group.rollouts]}

    def combine(self, rollout: Rollout, term: float) -> float:
        return (rollout.verdict.worth or 0.0) * (term or self.unfinished)


def _finished(rollout: Rollout) -> bool:
    return (rollout.budget is None or rollout.length <= rollout.budget) and not rollout.was_cut
