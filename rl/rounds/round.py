"""A round: one generation batch, its scores and its advantages, the same on every rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from rewards import Group, History, LengthReward, Monitor, Observer, Rollout, Verdict
from rewards.types import Prompt
from rl.errors import UserError
from rl.plugins import raised, score_one


@dataclass(frozen=True)
class Sampled:
    """A group as it was sampled, its prompt included, in the round that began with `step`."""

    group: Group
    budget: int
    """Tokens; what the schedule gave the problem then."""
    step: int


@dataclass(frozen=True)
class ScoredGroup:
    """A group, each reward's value for each rollout (G, K), and the weighted sums (G,); NaN: not judged."""

    group: Group
    """With the budgets it is scored against."""
    terms: Tensor
    totals: Tensor
    sampled: Sampled


@dataclass(frozen=True)
class Filled:
    """The groups of a round. `batch` trains; `dropped` does not; both hold each group once."""

    batch: list[ScoredGroup]
    dropped: list[ScoredGroup]
    drawn: list[ScoredGroup]
    """What was sampled in this round: it may wait for the next one, as `batch` may have waited for this."""
    draws: int
    """Generation rounds it took to fill the batch."""
    varied: int
    """Groups of `drawn` that vary."""
    unfilled: int
    """Groups of the batch that do not vary, because the draws ran out."""
    reused: int
    """Groups that vary and that the round before sampled; they are in the batch."""
    stale: int
    """Groups that the round before sampled, dropped because their budget is no longer in force."""
    leftover: int
    """Groups that wait for the next round."""
    acceptance: float
    """The running share of drawn groups that vary."""

    def everything(self) -> Iterator[ScoredGroup]:
        """All groups that this round is done with, those that train first."""
        yield from self.batch
        yield from self.dropped

    def visited(self) -> list[ScoredGroup]:
        """The same in the order in which they were sampled."""
        return sorted(self.everything(), key=lambda scored: scored.sampled.step)


@dataclass(frozen=True)
class Round(Filled):
    """What one generation batch came to, group after group."""

    step: int
    number: int
    advantages: Tensor
    """(groups x G,), for the rollouts of `batch` in order."""
    reward_names: list[str]
    judging: float
    """Seconds in the verifier, on the rank that took longest."""

    def rollouts(self) -> list[Rollout]:
        """The rollouts that train, in the order of `advantages`."""
        return [r for scored in self.batch for r in scored.group.rollouts]

    def prompts(self) -> list[Prompt]:
        """The prompt of each of `rollouts`: a problem may be there twice, with another budget in its prompt."""
        return [scored.group.problem.prompt for scored in self.batch for _ in scored.group.rollouts]


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
                try:
                    reward.observe(scored.group, history)
                except Exception as error:
                    raise raised(reward, error) from error


def require_monitor(rewards: Sequence[LengthReward], given: bool) -> None:
    """Refuse a reward that sets itself by a monitor set where there is none."""
    for reward in rewards:
        if isinstance(reward, Monitor) and not given:
            raise UserError(f"reward {reward.name!r} sets itself by a monitor set: name one as `data.monitor`")


def look(groups: Sequence[Group], rewards: Sequence[Monitor], history: History) -> None:
    """Before a round: let the rewards that set themselves by a monitor set see its groups."""
    for reward in rewards:
        try:
            reward.monitor(groups, history)
        except Exception as error:
            raise raised(reward, error) from error


def varies(scored: ScoredGroup, filter_on: str) -> bool:
    """Whether a group can teach anything: its raw (or shaped) reward differs among judged rollouts."""
    if filter_on == "raw":
        seen = {r.raw_reward for r in scored.group.rollouts if r.raw_reward is not None}
    else:
        seen = set(scored.totals[~scored.totals.isnan()].tolist())
    return len(seen) > 1


def round_metrics(round_: Round, history: History) -> dict[str, float]:
    """Figures over everything that was sampled this round, beside TRL's own over what trains."""
    groups = round_.drawn
    rollouts = [r for scored in groups for r in scored.group.rollouts]
    judged = [r for r in rollouts if r.raw_reward is not None]
    right = [scored for scored in groups if _all(scored, 1.0)]
    wrong = [scored for scored in groups if _all(scored, 0.0)]
    metrics = {
        "accuracy": _mean(r.raw_reward or 0.0 for r in judged),
        "length/mean": _mean(r.length for r in rollouts),
        "length/correct": _mean(r.length for r in judged if r.raw_reward == 1.0),
        "length/wrong": _mean(r.length for r in judged if r.raw_reward == 0.0),
        "length/truncated": _mean(float(r.stop == "length") for r in rollouts),
        "budget/tokens": _mean(float(r.budget or 0) for r in rollouts),
        "sampling/rounds": float(round_.draws),
        "sampling/kept": round_.varied / len(groups),
        "sampling/unfilled": float(round_.unfilled),
        "sampling/reused": float(round_.reused),
        "sampling/leftover": float(round_.leftover),
        "sampling/stale": float(round_.stale),
        "sampling/acceptance": round_.acceptance,
        "sampling/all_right": len(right) / len(groups),
        "sampling/all_wrong": len(wrong) / len(groups),
        "history/problems": float(history.size()),
    }
    for verdict in Verdict:
        metrics[f"verifier/{verdict}"] = _mean(float(r.verdict is verdict) for r in rollouts)
    metrics["verifier/seconds"] = round_.judging
    return metrics


def _all(scored: ScoredGroup, value: float) -> bool:
    return all(r.raw_reward == value for r in scored.group.rollouts)


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return fmean(found) if found else float("nan")
