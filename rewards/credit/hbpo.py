"""HBPO's advantage within a subgroup (arXiv 2507.15844)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from rewards.edits import Edit
from rewards.length.hbpo import Hbpo as Reward
from rewards.shaped import budget_of
from rewards.types import Group, LengthReward


class Hbpo:
    """A + (mean of the subgroup's rewards - β cos(π b / 2M)): how well a subgroup does with its budget b.

    A subgroup is the rollouts of one variant. `maximum`, `beta`, `alpha` and `lesser` are those of reward `hbpo`. The
    released code adds the second part twice: `times: 2`.
    """

    name = "hbpo"
    source = "arXiv 2507.15844"

    def __init__(
        self,
        maximum: int = 4096,
        beta: float = 4.0,
        alpha: float | None = None,
        lesser: bool = False,
        times: int = 1,
    ) -> None:
        self.reward, self.times = Reward(maximum, beta, alpha, lesser), times

    def misfit(self, edits: Sequence[Edit], rewards: Sequence[LengthReward]) -> str | None:
        others = [reward for reward in rewards if isinstance(reward, Reward) and vars(reward) != vars(self.reward)]
        if not others:
            return None
        return f"its options are {vars(self.reward)}, and those of reward hbpo {vars(others[0])}; give both the same"

    def credit(self, group: Group, advantages: Sequence[float]) -> list[Sequence[float] | None]:
        members: dict[str, list[float]] = {}
        for rollout in group.judged():
            members.setdefault(rollout.variant, []).append(self.reward.of(rollout))
        means = {variant: fmean(rewards) for variant, rewards in members.items()}
        return [
            None
            if r.raw_reward is None
            else [advantage + self.times * (means[r.variant] - self.reward.within(budget_of(r)))] * r.length
            for r, advantage in zip(group.rollouts, advantages, strict=True)
        ]
