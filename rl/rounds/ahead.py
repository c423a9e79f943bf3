"""Rounds that are sampled while earlier ones train: what was asked for them, and what a checkpoint keeps of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from curricula.schedule import Parts
from rewards import Problem
from rewards.compact import log_probs, token_ids
from rl.errors import UserError
from rl.rollouts import Completion
from rl.rollouts.ask import Begun
from rl.rollouts.workers.engine import Pending
from rl.rounds.round import spans


class Row(NamedTuple):
    """One rollout of a draw."""

    problem: Problem
    """As it is asked: with the budget in its prompt, where it is to be."""
    budget: int
    """Tokens."""
    cap: int
    """Tokens at which it is stopped."""
    seed: int
    parts: Parts | None = None
    """Of thinking and answer, where they have budgets of their own."""
    prefix: str = ""
    """What its completion begins with."""
    variant: str = ""
    trains_prefix: bool = False


@dataclass(frozen=True)
class Draw:
    """Groups that are asked for at once, for the round that begins with `step`."""

    problems: list[Problem]
    """As they stand in the data."""
    asked: list[Problem]
    """The same with the budget in their prompts, where it is to be."""
    budgets: list[int]
    """Tokens."""
    rows: list[Row]
    """Every rollout, group after group."""
    step: int
    seed: int

    @property
    def size(self) -> int:
        """Rollouts a group."""
        return len(self.rows) // max(len(self.problems), 1)

    def share(self, rank: int, ranks: int) -> slice:
        """The rows that are a rank's to sample."""
        return part(len(self.rows), rank, ranks)

    @staticmethod
    def joined(draws: Sequence[Draw], seed: int) -> Draw:
        """Draws for one round, at least one, as a single one."""
        names = "problems", "asked", "budgets", "rows"
        problems, asked, budgets, rows = ([each for draw in draws for each in getattr(draw, name)] for name in names)
        return Draw(problems, asked, budgets, rows, draws[0].step, seed)


def part(count: int, rank: int, ranks: int) -> slice:
    """A rank's of so many rows: all alike but for the last ones'."""
    share = -(-count // ranks)
    return slice(share * rank, share * (rank + 1))


@dataclass
class Planned:
    """A round's first draw, asked for before its turn; on each rank its own share of it."""

    draw: Draw
    version: int
    """The step whose weights it was asked of."""
    pending: Pending | None = None
    """None: not asked for yet, or, from a checkpoint, there already."""
    completions: list[Completion] | None = None


@dataclass
class Ahead:
    """At most `most` rounds that wait for their turn, the next one first."""

    most: int
    planned: deque[Planned] = field(default_factory=deque)

    def take(self, step: int) -> Planned | None:
        """The round that begins with `step`, if it was planned."""
        return self.planned.popleft() if self.planned and self.planned[0].draw.step == step else None

    def missing(self, step: int, round_steps: int, end: int) -> list[int]:
        """First steps of the rounds that may be asked for now, in the round that begins with `step`."""
        begun = {planned.draw.step for planned in self.planned}
        steps = range(step + round_steps, min(step + (self.most + 1) * round_steps, end), round_steps)
        return [each for each in steps if each not in begun]


def plain(planned: Planned, completions: Sequence[Completion] | None) -> dict[str, Any]:
    """As JSON; `completions` are those of all ranks in order, None where they are to be sampled again."""
    return {
        "step": planned.draw.step,
        "version": planned.version,
        "seed": planned.draw.seed,
        "problems": [problem.id for problem in planned.draw.problems],
        "completions": None if completions is None else [written(each) for each in completions],
    }


def written(made: Completion | Begun | None) -> dict[str, Any] | None:
    """As JSON."""
    if made is None:
        return None
    ids, values = token_ids(made.token_ids), log_probs(made.logprobs)
    return vars(made) | {"token_ids": ids.written, "logprobs": values.written}


def completion_of(state: Mapping[str, Any] | None) -> Completion | None:
    """What `written` made of it."""
    if state is None:
        return None
    return Completion(**{**state, **_columns(state), "forced": spans(state.get("forced", ()))})


def begun_of(state: Mapping[str, Any] | None) -> Begun | None:
    """What `written` made of it."""
    return None if state is None else Begun(**_columns(state))


def _columns(state: Mapping[str, Any]) -> dict[str, Any]:
    ids, values = token_ids(state["token_ids"]), log_probs(state["logprobs"])
    return {"token_ids": ids, "logprobs": values, "segments": spans(state.get("segments", ()))}


def problems_of(state: Mapping[str, Any], problems: Sequence[Problem]) -> list[Problem]:
    """Errors: UserError where a problem is no longer there."""
    known = {problem.id: problem for problem in problems}
    for id in state["problems"]:
        if id not in known:
            raise UserError(
                f"the checkpoint has rollouts of problem {id} under way, which data.train no longer has; restore the "
                "data, or start over with --overwrite"
            )
    return [known[id] for id in state["problems"]]


def completions_of(state: Mapping[str, Any]) -> list[Completion] | None:
    if state["completions"] is None:
        return None
    return [found for each in state["completions"] if (found := completion_of(each)) is not None]
