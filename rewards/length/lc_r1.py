"""LC-R1's length reward (arXiv 2506.14755)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped, is_correct, of_judged
from rewards.types import Group, Values


class LcR1(Shaped):
    """R = c + 1 - L / max(L), where c is correctness and the maximum is over the group's right rollouts.

    L is the length after edit `lc-r1`. The released code gives the length term to the wrong rollouts of a group with a
    right one, too: `gated: false`. The paper adds a reward for the format: `format`. The advantage is R - mean(group):
    `advantage: centred`.
    """

    name = "lc-r1"
    source = "arXiv 2506.14755"
    group_only = True

    def __init__(self, gated: bool = True) -> None:
        self.gated = gated

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        longest = max((r.length for r in group.correct()), default=0)
        return of_judged(
            group, lambda r: 1 - r.length / longest if longest and (is_correct(r) or not self.gated) else 0.0
        )
