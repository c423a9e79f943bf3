"""AutoThink: whether to think at all, learned in three stages (arXiv 2505.10832)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from rewards.history import HistoryView
from rewards.shaped import is_correct
from rewards.thinking import THINK
from rewards.types import Group, Rollout, Values, Verdict


class AutoThink:
    """Right and wrong are worth 1 and 0 after thinking, 2 and -1 without; 0 without an answer that can be read.

    Then, in this order: the `length` a (stage 3; 0: none) adds exp(-a · z) - 1 to right and 1 - exp(-a · z) to wrong
    rollouts, z the length among the group's right (wrong) ones by their sample deviation, where there are several. The
    `balance` b (stage 1; 1: none) keeps either mode's share p of the whole batch at b: with k = min(1, 2 · (p - b))
    where p > b, a rollout of that mode gets (1 - k) · R, minus k if wrong after thinking, and plus k if right, minus 2k
    if wrong without.

    A rollout that ends its thinking before anything but the dots of the paper's prompt was thought is one without.
    """

    name = "auto-think"
    source = "arXiv 2505.10832"

    def __init__(self, balance: float = 0.5, length: float = 0.0) -> None:
        for option, value in {"balance": balance, "length": length}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"auto-think: {option} must lie in [0, 1], not {value}")
        self.balance, self.length = balance, length

    def batch(self, groups: Sequence[Group], history: HistoryView) -> list[Values]:
        rollouts = [r for group in groups for r in group.judged()]
        thought = fmean([thinks(r) for r in rollouts] or [0.5])
        excess = {
            thinks_: min(1.0, max(0.0, 2 * (share - self.balance)))
            for thinks_, share in ((True, thought), (False, 1 - thought))
        }
        return [
            [
                None if value is None else _balanced(rollout, value, excess[thinks(rollout)])
                for rollout, value in zip(group.rollouts, self._of_group(group), strict=True)
            ]
            for group in groups
        ]

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return self.batch([group], history)[0]

    def _of_group(self, group: Group) -> Values:
        right = [r.length for r in group.correct()]
        wrong = [r.length for r in group.judged() if not is_correct(r)]
        values: Values = []
        for rollout in group.rollouts:
            if rollout.raw_reward is None:
                values.append(None)
                continue
            sign, lengths = (1, right) if is_correct(rollout) else (-1, wrong)
            scale = stdev(lengths) if len(lengths) > 1 else 0.0
            z = (rollout.length - fmean(lengths)) / scale if scale else 0.0
            values.append(_base(rollout) + sign * (math.exp(-self.length * z) - 1))
        return values


def thinks(rollout: Rollout) -> bool:
    """Whether anything was thought before the end of thinking, or thinking has no end."""
    before, end, _ = rollout.read.removeprefix(THINK.begin).partition(THINK.end)
    return not end or bool(before.strip(" .…\n"))


def _base(rollout: Rollout) -> float:
    if rollout.verdict is Verdict.UNPARSABLE or THINK.end not in rollout.read:
        return 0.0
    return float(is_correct(rollout)) if thinks(rollout) else (2.0 if is_correct(rollout) else -1.0)


def _balanced(rollout: Rollout, value: float, k: float) -> float:
    right = is_correct(rollout)
    added = (0.0 if right else -k) if thinks(rollout) else (k if right else -2 * k)
    return (1 - k) * value + added
