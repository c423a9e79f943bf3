"""Step 5 of a round: what its groups are worth, which of them vary, and what rewards learn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rewards import Group, History, LengthReward, Monitor, Observer
from rl.errors import UserError
from rl.plugins import guarded, score_one
from rl.rounds.round import Sampled, ScoredGroup


def score(
    sampled: Sequence[Sampled],
    rewards: Sequence[LengthReward],
    weights: Tensor,
    history: History,
    rescored: Callable[[Group], Group] = lambda group: group,
) -> list[ScoredGroup]:
    """Step 5: every reward of every group, against the history as it stood before this round.

    `rescored` gives a group the budget it is to be scored against.
    """
    scored = []
    for each in sampled:
        group = rescored(each.group)
        columns = [score_one(reward, group, history) for reward in rewards]
        terms = torch.tensor([[torch.nan if v is None else v for v in c] for c in columns], dtype=torch.float32).T
        # Nobody judged it: what else it may have earned would count as a wrong answer's.
        terms[[r.raw_reward is None for r in group.rollouts]] = torch.nan
        totals = (terms * weights.to(terms)).nansum(dim=1)
        totals[terms.isnan().all(dim=1)] = torch.nan
        scored.append(ScoredGroup(group, terms, totals, each))
    return scored


def observe(groups: Sequence[ScoredGroup], rewards: Sequence[LengthReward], history: History) -> None:
    """After all scoring of a round: let the rewards that remember record what each group taught."""
    for reward in rewards:
        if isinstance(reward, Observer):
            for scored in groups:
                with guarded(reward):
                    reward.observe(scored.group, history)


def require_monitor(rewards: Sequence[LengthReward], given: bool) -> None:
    """Refuse a reward that sets itself by a monitor set where there is none."""
    for reward in rewards:
        if isinstance(reward, Monitor) and not given:
            raise UserError(f"reward {reward.name!r} sets itself by a monitor set: name one as `data.monitor`")


def look(groups: Sequence[Group], rewards: Sequence[Monitor], history: History) -> None:
    """Before a round: let the rewards that set themselves by a monitor set see its groups."""
    for reward in rewards:
        with guarded(reward):
            reward.monitor(groups, history)


def varies(scored: ScoredGroup, filter_on: str) -> bool:
    """Whether a group can teach anything: its raw (or shaped) reward differs among judged rollouts."""
    if filter_on == "raw":
        seen = {r.raw_reward for r in scored.group.rollouts if r.raw_reward is not None}
    else:
        seen = set(scored.totals[~scored.totals.isnan()].tolist())
    return len(seen) > 1
