"""A round: one generation batch, its scores and its advantages, the same on every rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from curricula.schedule import Parts
from rewards import Group, Rollout
from rewards.types import Prompt, Spans


def spans(written: Sequence[Sequence[int]]) -> Spans:
    """As JSON gives them back."""
    return tuple((begin, end) for begin, end in written)


@dataclass(frozen=True)
class Sampled:
    """A group as it was sampled, its prompt included, in the round that began with `step`."""

    group: Group
    budget: int
    """Tokens; what the schedule gave the problem then."""
    step: int
    parts: Parts | None = None
    """The same of thinking and answer, where they have budgets of their own."""


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

    def groups(self) -> list[Group]:
        """Those of the batch."""
        return [scored.group for scored in self.batch]

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
    tokens: int = 0
    """That were sampled, on all ranks; what was forced does not count, nor what a branch shares."""
    credits: tuple[Sequence[float] | None, ...] | None = None
    """The advantage of each token of each of `rollouts`, where that is not its own everywhere; None: of none."""

    def __post_init__(self) -> None:
        for rollout, credit in zip(self.rollouts(), self.each_credit(), strict=True):
            if credit is not None and len(credit) != rollout.length:
                raise ValueError(f"a rollout of {rollout.length} tokens has advantages for {len(credit)}")

    def rollouts(self) -> list[Rollout]:
        """The rollouts that train, in the order of `advantages`."""
        return [r for scored in self.batch for r in scored.group.rollouts]

    def each_credit(self) -> tuple[Sequence[float] | None, ...]:
        """Of each of `rollouts`, `credits`."""
        return (None,) * len(self.rollouts()) if self.credits is None else self.credits

    def prompts(self) -> list[Prompt]:
        """The prompt of each of `rollouts`: a problem may be there twice, with another budget in its prompt."""
        return [r.prompt or s.group.problem.prompt for s in self.batch for r in s.group.rollouts]
