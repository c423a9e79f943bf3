"""DOT: rollouts far longer than their all-right group lose their tail (arXiv 2601.03969)."""

from __future__ import annotations

import math
from statistics import fmean, stdev

from rewards.edits import Change, Cut, Keep
from rewards.history import HistoryView
from rewards.shaped import at_least
from rewards.types import Group


class Dot:
    """In a group whose rollouts are all right, those longer than T = floor(mean(L) + α · std(L)) are cut to T tokens.

    Sample deviation. A rollout is cut only where that takes at least `margin` tokens; the released code also takes a
    share of its length, `margin` below 1, and then at least 16. What is cut is judged again: one that lost its answer
    is wrong, and its group varies; else the group stays all right, and does not train. With n rollouts none can lie
    further out than (n - 1) / sqrt(n) deviations: at α = 3, groups of 10 and fewer are never cut.
    """

    name = "dot"
    source = "arXiv 2601.03969"

    def __init__(self, alpha: float = 3.0, margin: float = 32) -> None:
        at_least(self.name, 0, alpha=alpha, margin=margin)
        self.alpha, self.margin = alpha, margin

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        lengths = [r.length for r in group.rollouts]
        changes: list[Change] = [Keep(place) for place in range(len(lengths))]
        if any(r.raw_reward != 1.0 for r in group.rollouts):
            return changes
        deviation = stdev(lengths) if len(lengths) > 1 else 0.0
        most = math.floor(fmean(lengths) + self.alpha * deviation)
        for place, length in enumerate(lengths):
            if length > most and length - most >= self.least(length):
                changes[place] = Cut(place, most)
        return changes

    def least(self, length: int) -> float:
        """Tokens that a cut must take of a rollout of this length."""
        return self.margin if self.margin >= 1 else max(math.floor(self.margin * length), 16)

    def doubt(self, size: int) -> str | None:
        furthest = (size - 1) / math.sqrt(size)
        if furthest > self.alpha:
            return None
        return (
            f"edit dot never cuts groups of {size}: no rollout is more than {furthest:.2f} deviations longer than the "
            f"mean, and alpha is {self.alpha:g}; raise trainer.num_generations or lower alpha"
        )
