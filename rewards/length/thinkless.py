"""Thinkless's reward: a short right answer is worth more than a long one (arXiv 2505.13379)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Thinkless:
    """R = 1 where right in the short mode, `think` where right after thinking, `wrong` else.

    A rollout is in the short mode if it begins with `mark`. The advantage is R - mean(group): `advantage: centred`,
    with token credit `thinkless`.
    """

    name = "thinkless"
    source = "arXiv 2505.13379"
    group_only = True

    def __init__(self, think: float = 0.5, wrong: float = -1.0, mark: str = "<short>") -> None:
        self.think, self.wrong, self.mark = think, wrong, mark

    def __call__(self, group: Group, history: HistoryView) -> Values:
        def of(rollout: Rollout) -> float:
            if not is_correct(rollout):
                return self.wrong
            return 1.0 if rollout.text.lstrip().startswith(self.mark) else self.think

        return of_judged(group, of)
