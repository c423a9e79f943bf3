"""S-GRPO's reward: the earlier a right exit, the more it is worth (arXiv 2505.07686)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import is_correct
from rewards.types import Group, Values


class SGrpo:
    """R = 2^(1 - N) for the N-th right rollout of a group in its order, 0 for a wrong one.

    Edit `s-grpo` puts exits by their place in the thinking, the whole rollout last. The advantage is R - mean(group),
    without a deviation: `advantage: centred`.
    """

    name = "s-grpo"
    source = "arXiv 2505.07686"
    group_only = True

    def __call__(self, group: Group, history: HistoryView) -> Values:
        values: Values = []
        right = 0
        for rollout in group.rollouts:
            right += is_correct(rollout)
            worth = 2.0 ** (1 - right) if is_correct(rollout) else 0.0
            values.append(None if rollout.raw_reward is None else worth)
        return values
