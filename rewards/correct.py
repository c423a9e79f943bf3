"""Plain correctness: what GRPO trains on when nobody asks for shorter answers."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.types import Group


class Correct:
    """The raw reward: 1 if correct within the budget, 0 if not, None if it could not be judged."""

    name = "correct"
    source = "GRPO, arXiv 2402.03300"
    group_only = True

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [r.raw_reward for r in group.rollouts]
