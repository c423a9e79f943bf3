"""Step 5 of a round: what its groups are worth, which of them vary, and what rewards learn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor

from rewards import Group, History, LengthReward, Monitor, Observer
from rewards.types import Values, is_group_only
from rl.errors import UserError
from rl.plugins import guarded, is_batch, score_one, score_together, step_for
from rl.ranks import launched
from rl.rounds.round import Sampled, ScoredGroup


def score(
    sampled: Sequence[Sampled],
    rewards: Sequence[LengthReward],
    weights: Tensor,
    history: History,
    rescored: Callable[[Group], Group] = lambda group: group,
    step: int = 0,
) -> list[ScoredGroup]:
    """Step 5: every reward of every group, against the history as it stood before this round.

    `rescored` gives a group the budget it is to be scored against; `step` is the one that the round begins with.
    """
    groups = [rescored(each.group) for each in sampled]
    return [
        _scored(each, group, terms, weights)
        for each, group, terms in zip(sampled, groups, _terms(groups, rewards, history, step), strict=True)
    ]


def score_batch(
    batch: Sequence[ScoredGroup], rewards: Sequence[LengthReward], weights: Tensor, history: History, step: int
) -> list[ScoredGroup]:
    """What trains, scored together: the rewards that look at a whole batch see it as it is, all others stay."""
    together = [place for place, reward in enumerate(rewards) if is_batch(reward)]
    if not together or not batch:
        return list(batch)
    groups, terms = [scored.group for scored in batch], [scored.terms.clone() for scored in batch]
    for place in together:
        for own, column in zip(terms, _columns(rewards[place], groups, history, step), strict=True):
            own[:, place] = column
    return [_scored(scored.sampled, scored.group, own, weights) for scored, own in zip(batch, terms, strict=True)]


def _scored(sampled: Sampled, group: Group, terms: Tensor, weights: Tensor) -> ScoredGroup:
    # Nobody judged it: what else it may have earned would count as a wrong answer's.
    terms[[r.raw_reward is None for r in group.rollouts]] = torch.nan
    totals = (terms * weights.to(terms)).nansum(dim=1)
    totals[terms.isnan().all(dim=1)] = torch.nan
    return ScoredGroup(group, terms, totals, sampled)


def _terms(groups: Sequence[Group], rewards: Sequence[LengthReward], history: History, step: int) -> list[Tensor]:
    """Each group's (G, K). Of a reward that needs nothing but a group, each rank asks for its share of the groups."""
    terms = [torch.empty(len(rewards), len(group.rollouts)).T for group in groups]
    shared = [is_group_only(reward) and not is_batch(reward) and launched().num_processes > 1 for reward in rewards]
    if any(shared) and groups:
        only = [reward for reward, one in zip(rewards, shared, strict=True) if one]
        for own, values in zip(terms, _from_all(groups, only, history, step), strict=True):
            own[:, torch.tensor(shared)] = values
    for place, reward in enumerate(rewards):
        if groups and not shared[place]:
            for own, column in zip(terms, _columns(reward, groups, history, step), strict=True):
                own[:, place] = column
    return terms


def _columns(reward: LengthReward, groups: Sequence[Group], history: History, step: int) -> list[Tensor]:
    """Each group's (G,) by a reward that this rank asks for all of them."""
    if is_batch(reward):
        return [_column(values) for values in score_together(reward, groups, history, step)]
    return [_column(score_one(reward, group, history, step)) for group in groups]


def _from_all(groups: Sequence[Group], rewards: Sequence[LengthReward], history: History, step: int) -> list[Tensor]:
    """Each group's (G, K), every so many-th by each rank. Errors: UserError on all ranks, if on one."""
    state = launched()
    rank, ranks = state.process_index, state.num_processes
    own, wrong = np.empty((0, len(rewards)), np.float32), None
    try:
        columns = [
            [_column(score_one(reward, group, history, step)) for reward in rewards] for group in groups[rank::ranks]
        ]
        own = np.concatenate([own, *(np.stack(each, axis=1) for each in columns)])
    except UserError as error:
        wrong = str(error)
    everyone = gather_object([(own, wrong)])
    if first := next((each for _, each in everyone if each), None):
        raise UserError(first)
    found = [torch.empty(0)] * len(groups)
    for each, (values, _) in enumerate(everyone):
        sizes = [len(group.rollouts) for group in groups[each::ranks]]
        found[each::ranks] = torch.split(torch.from_numpy(values), sizes)
    return found


def _column(values: Values) -> Tensor:
    return torch.tensor([torch.nan if value is None else value for value in values], dtype=torch.float32)


def observe(groups: Sequence[ScoredGroup], rewards: Sequence[LengthReward], history: History, step: int = 0) -> None:
    """After all scoring of a round: let the rewards that remember record what each group taught."""
    for reward in rewards:
        if isinstance(reward, Observer):
            for scored in groups:
                with guarded(reward):
                    reward.observe(scored.group, history, **step_for(reward.observe, step))


def require_monitor(rewards: Sequence[LengthReward], given: bool) -> None:
    """Refuse a reward that sets itself by a monitor set where there is none."""
    for reward in rewards:
        if isinstance(reward, Monitor) and not given:
            raise UserError(f"reward {reward.name!r} sets itself by a monitor set: name one as `data.monitor`")


def refuse_shaped_filter(rewards: Sequence[LengthReward], filter_on: str) -> None:
    """Refuse to choose the groups of a batch by what only the whole batch can tell."""
    for reward in rewards:
        if filter_on == "shaped" and is_batch(reward):
            raise UserError(
                f"reward {reward.name!r} looks at the whole batch, so groups cannot be chosen for the batch by what it "
                "gives; set sampling.filter_on: raw"
            )


def look(groups: Sequence[Group], rewards: Sequence[Monitor], history: History) -> None:
    """Before a round: let the rewards that set themselves by a monitor set see its groups."""
    for reward in rewards:
        with guarded(reward):
            reward.monitor(groups, history)


def shapes(scored: ScoredGroup) -> bool:
    """Whether the rewards tell rollouts of a group apart whose raw reward is the same."""
    pairs = list(zip((r.raw_reward for r in scored.group.rollouts), scored.totals.tolist(), strict=True))
    judged = {pair for pair in pairs if pair[0] is not None and pair[1] == pair[1]}
    return len(judged) > len({raw for raw, _ in judged})


def varies(scored: ScoredGroup, filter_on: str) -> bool:
    """Whether a group can teach anything: its raw (or shaped) reward differs among judged rollouts."""
    if filter_on == "raw":
        seen = {r.raw_reward for r in scored.group.rollouts if r.raw_reward is not None}
    else:
        seen = set(scored.totals[~scored.totals.isnan()].tolist())
    return len(seen) > 1
