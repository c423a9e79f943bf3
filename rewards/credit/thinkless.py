"""Thinkless: the token that chooses the mode apart from all others (arXiv 2505.13379)."""

from __future__ import annotations

from collections.abc import Sequence

from rewards.shaped import at_least
from rewards.types import Group


class Thinkless:
    """loss = α · mean over rollouts of the first token's + mean over tokens of all others' (DeGRPO).

    To be had from a mean over all tokens, as `loss_type: dapo` takes it: with B rollouts of N tokens, the first token's
    advantage is multiplied by α · N / B, the others' by N / (N - B). At α = 1 / mean(L) both weigh alike.
    Tokens that are not in the loss do not count.
    """

    name = "thinkless"
    source = "arXiv 2505.13379"

    def __init__(self, alpha: float = 0.001) -> None:
        at_least(self.name, 0, alpha=alpha)
        self.alpha = alpha

    def credit(self, group: Group, advantages: Sequence[float]) -> list[Sequence[float] | None]:
        return self.batch([group], [advantages])[0]

    def batch(
        self, groups: Sequence[Group], advantages: Sequence[Sequence[float]]
    ) -> list[list[Sequence[float] | None]]:
        rollouts = [r for group in groups for r in group.rollouts]
        count, tokens = len(rollouts), sum(r.length - sum(end - begin for begin, end in r.masked) for r in rollouts)
        firsts = sum(not r.masked or r.masked[0][0] > 0 for r in rollouts)
        first, others = self.alpha * tokens / count, tokens / max(1, tokens - firsts)
        return [
            [[a * first, *[a * others] * (r.length - 1)] for r, a in zip(group.rollouts, own, strict=True)]
            for group, own in zip(groups, advantages, strict=True)
        ]
