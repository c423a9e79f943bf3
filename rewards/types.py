"""The words of scoring: verdict, problem, rollout, group, and what a reward is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

from rewards.history import History, HistoryView

Prompt = str | list[dict[str, str]]
"""A plain text, or chat messages with `role` and `content`."""


class Verdict(StrEnum):
    """What the verifier says of one rollout. Each kind is counted; none is a silent zero."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSABLE = "unparsable"
    TIMED_OUT = "timed_out"
    """Worth 0, not null: a model must not gain by hanging the judge."""
    CRASHED = "crashed"
    """Our fault, not the model's: worth null, and left out of every statistic."""

    @property
    def worth(self) -> float | None:
        """1 for `correct`, None for `crashed`, else 0."""
        if self is Verdict.CRASHED:
            return None
        return float(self is Verdict.CORRECT)


@dataclass(frozen=True)
class Problem:
    """One training item. `id` is a hash of its content, so it survives any reordering of the data."""

    id: str
    prompt: Prompt
    answer: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Further columns of the data set, e.g. `difficulty`."""


@dataclass(frozen=True)
class Rollout:
    """One sampled completion of a problem."""

    problem_id: str
    length: int
    """Completion tokens, EOS counted."""
    stop: Literal["eos", "length"]
    budget: int
    """The token cap that was in force."""
    verdict: Verdict
    raw_reward: float | None
    """Correctness within the budget before any shaping; None where nobody could judge."""
    text: str = ""
    token_ids: tuple[int, ...] = ()
    given: Mapping[str, float | None] = field(default_factory=dict)
    """What reward functions that see one rank at a time (TRL's kind) said of it, by name."""


@dataclass(frozen=True)
class Group:
    """The G rollouts of one problem, from all ranks."""

    problem: Problem
    rollouts: tuple[Rollout, ...]

    def correct(self) -> list[Rollout]:
        """The rollouts whose raw reward is 1."""
        return [r for r in self.rollouts if r.raw_reward == 1.0]


@runtime_checkable
class LengthReward(Protocol):
    """A reward plug-in: a whole group and the history in, one number a rollout out.

    None means "not judged": the rollout is left out of every statistic and gets no advantage.
    """

    name: str

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]: ...


@runtime_checkable
class Observer(Protocol):
    """A reward that learns from what it scored."""

    def observe(self, group: Group, history: History) -> None:
        """Record what this group taught. Called after all scoring of a round, in training only."""
