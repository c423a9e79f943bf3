"""The words of scoring: verdict, problem, rollout, group, and what a reward is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

from rewards.history import History, HistoryView
from rewards.thinking import read

Prompt = str | list[dict[str, str]]
"""A plain text, or chat messages with `role` and `content`."""
Stop = Literal["eos", "length", "closed", "edited", "unknown"]
"""How a rollout ended: by itself, cut at its budget, by itself after its thinking was closed by force, or cut later by
an edit; of a logged rollout, `unknown` where its log does not say."""
Spans = tuple[tuple[int, int], ...]
"""Some of a rollout's tokens: from each first place to before its second, rising."""


class Verdict(StrEnum):
    """What the verifier says of one rollout. Each kind is counted; none is a silent zero."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSABLE = "unparsable"
    TIMED_OUT = "timed_out"
    """Worth 0, not null: a model must not gain by hanging the judge."""
    CRASHED = "crashed"
    """Our fault, not the model's: worth null, and left out of every statistic."""

    worth: float | None
    """1 for `correct`, None for `crashed`, else 0."""

    def __init__(self, text: str) -> None:
        self.worth = None if text == "crashed" else float(text == "correct")


@dataclass(frozen=True)
class Problem:
    """One training item. `id` is a hash of its content, so it survives any reordering of the data."""

    id: str
    prompt: Prompt
    answer: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    """The columns of the data set as they stand there, e.g. `difficulty`; those of problem and answer, too."""

    @property
    def golds(self) -> list[str]:
        """The answer, and the column `aliases`: one text or several that say the same in other words."""
        aliases = self.columns.get("aliases") or []
        return [self.answer, *([aliases] if isinstance(aliases, str) else map(str, aliases))]


@dataclass(frozen=True)
class Rollout:
    """One sampled completion of a problem."""

    problem_id: str
    length: int
    """Completion tokens, EOS counted."""
    stop: Stop
    budget: int | None
    """The token cap that was in force; of a logged rollout, None where nobody wrote it down."""
    verdict: Verdict
    raw_reward: float | None
    """Correctness within the budget before any shaping; None where nobody could judge."""
    text: str = ""
    """What it says, in the model's own words."""
    token_ids: Sequence[int] = ()
    """A tuple, or what engines give: `rewards.compact`."""
    given: Mapping[str, float | None] = field(default_factory=dict)
    """What reward functions that see one rank at a time (TRL's kind) said of it, by name."""
    logprobs: Sequence[float] = ()
    """The log-prob of each token as it was drawn, in nats, where the engine was asked for it."""
    weight_version: int | None = None
    """The optimiser step whose weights sampled it, the oldest of several; of a logged rollout, None."""
    lead: str = ""
    """What the prompt had begun of the thinking; see `rewards.thinking`."""
    thinking_budget: int | None = None
    """The tokens that its thinking could have, where thinking had a budget of its own."""
    thinking: int = 0
    """Tokens up to the end of thinking and with it; all of them where thinking began and did not end."""
    forced: Spans = ()
    """Tokens that the model did not sample: a prefix, a closing."""
    masked: Spans = ()
    """Tokens that are not in the loss: those that were forced, unless a method trains them."""
    variant: str = ""
    """Which of the variants it is that its group was asked in; see `curricula.asking`."""
    prompt: Prompt | None = None
    """What it was asked, where that is not its problem's prompt."""
    root: int | None = None
    """The place in its group of the rollout that it branched from, if that is there; see `rewards.edits`."""
    branched: int = 0
    """Tokens that it shares with that rollout."""
    cut: int = 0
    """Tokens that edits took away."""
    ends: Sequence[int] = ()
    """Characters of the text up to the end of each token; for methods that read it (`reads_text`), else empty."""
    segments: tuple[tuple[int | None, int], ...] = ()
    """Where several weights drew it: each version, and the place before which its tokens end; else empty."""

    @property
    def answer(self) -> int:
        """Tokens after the end of thinking."""
        return self.length - self.thinking

    @property
    def was_cut(self) -> bool:
        """Whether it was stopped at its budget. Errors: ValueError of a logged rollout whose log does not say."""
        if self.stop == "unknown":
            raise ValueError(
                f"how a rollout of problem {self.problem_id!r} ended is not in its log; give --cap, its tokens at most"
            )
        return self.stop == "length"

    def tokens_until(self, character: int) -> int:
        """How many tokens it takes to say so many characters of the text. Errors: ValueError without `ends`."""
        return bisect_left(self._known_ends(), character) + 1 if character > 0 else 0

    def tokens_within(self, character: int) -> int:
        """How many tokens say no more than so many characters: a word's space is mostly of its token, not before it.

        Errors: ValueError without `ends`.
        """
        return bisect_right(self._known_ends(), character)

    def _known_ends(self) -> Sequence[int]:
        if len(self.ends) != self.length:
            raise ValueError("where tokens end in the text is not known; the method must say `reads_text = True`")
        return self.ends

    @property
    def read(self) -> str:
        """The text as the verifier reads it."""
        return read(self.lead, self.text)


@dataclass(frozen=True)
class Group:
    """The G rollouts of one problem, from all ranks."""

    problem: Problem
    rollouts: tuple[Rollout, ...]

    def correct(self) -> list[Rollout]:
        """The rollouts whose raw reward is 1."""
        return [r for r in self.rollouts if r.raw_reward == 1.0]

    def judged(self) -> list[Rollout]:
        """The rollouts that have a raw reward; the others are left out of every statistic."""
        return [r for r in self.rollouts if r.raw_reward is not None]

    def accuracy(self) -> float | None:
        """Mean raw reward of the judged rollouts, in [0, 1]; None where nobody could be judged."""
        judged = [r.raw_reward for r in self.rollouts if r.raw_reward is not None]
        return sum(judged) / len(judged) if judged else None


Values = list[float | None]
"""One number a rollout, in the order of the group; None: not judged."""


@runtime_checkable
class LengthReward(Protocol):
    """A reward plug-in: a whole group and the history in, one number a rollout out.

    None means "not judged": the rollout is left out of every statistic and gets no advantage. One whose call takes a
    further argument `step` is given the optimiser step that the round begins with.
    """

    name: str

    def __call__(self, group: Group, history: HistoryView) -> Values: ...


@runtime_checkable
class BatchReward(Protocol):
    """A reward that needs all groups of a batch: what trains, once dynamic sampling has filled it.

    Called for a single group, it scores that group as a batch.
    """

    name: str

    def batch(self, groups: Sequence[Group], history: HistoryView) -> list[Values]: ...

    def __call__(self, group: Group, history: HistoryView) -> Values: ...


@runtime_checkable
class Termed(Protocol):
    """A reward that can show what it is made of."""

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        """The unweighted parts by name: `correct`, `length` where there is one, and the method's own."""
        ...


@runtime_checkable
class Observer(Protocol):
    """A reward that learns from what it scored."""

    def observe(self, group: Group, history: History) -> None:
        """Record what this group taught. Called after all scoring of a round, in training only."""


@runtime_checkable
class Monitor(Protocol):
    """A reward that looks at a fixed set of problems from time to time, to set itself by."""

    interval: int
    """Optimiser steps from one look to the next."""

    def monitor(self, groups: Sequence[Group], history: History) -> None:
        """Record what the monitor set's groups teach. Called before a round, in training only."""


@runtime_checkable
class GroupOnly(Protocol):
    """A reward that needs nothing but the group it is given: not the history, no other group, no earlier call.

    The ranks of a launch share its groups out among them; they all ask any other reward for every group.
    """

    group_only: bool
    """True; False in a subclass that needs more."""


def is_group_only(reward: LengthReward) -> bool:
    """Whether it says so, and neither observes nor monitors, as a subclass of one that says so may."""
    return isinstance(reward, GroupOnly) and reward.group_only and not isinstance(reward, Observer | Monitor)
