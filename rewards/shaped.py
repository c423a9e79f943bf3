"""What most length rewards share: correctness and one length term, put together in a method's own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from statistics import fmean, pstdev
from typing import Literal

from rewards.history import HistoryView
from rewards.types import Group, Rollout, Values

Part = Literal["all", "thinking"]
"""Of a rollout: what is held against its budget."""


class Shaped(ABC):
    """A reward from correctness and a length term; a subclass says what the term is and how both combine.

    A term is signed so that more is better. A rollout nobody could judge has no term and no reward.
    """

    name: str

    @abstractmethod
    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """The length term of each rollout, without its weight."""

    def combine(self, rollout: Rollout, term: float) -> float:
        """The paper's whole reward of a judged rollout whose length term is `term`; their sum unless overridden."""
        return is_correct(rollout) + term

    def __call__(self, group: Group, history: HistoryView) -> Values:
        terms = self.length_terms(group, history)
        return [
            None if term is None else self.combine(rollout, term)
            for rollout, term in zip(group.rollouts, terms, strict=True)
        ]

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        """`correct` in {0, 1} and the unweighted `length` term; None where nobody could judge."""
        return {
            "correct": [r.raw_reward for r in group.rollouts],
            "length": self.length_terms(group, history),
        }


def of_judged(group: Group, value: Callable[[Rollout], float]) -> Values:
    """`value` of each judged rollout, None for the others."""
    return [None if r.raw_reward is None else value(r) for r in group.rollouts]


def budget_of(rollout: Rollout, own: float | None = None) -> float:
    """A reward's own fixed number of tokens, or else the budget that was in force for the rollout.

    Errors: ValueError where there is neither.
    """
    if own is not None:
        return own
    if rollout.budget is None:
        raise ValueError(f"a rollout of problem {rollout.problem_id!r} has no budget, and the reward none of its own")
    return rollout.budget


def spent(rollout: Rollout, part: Part, own: float | None = None) -> tuple[int, float]:
    """The tokens of a rollout that count, and the budget they are held against: a reward's `own`, or its rollout's.

    With `thinking`, those of thinking where thinking has a budget of its own; else all. Errors: ValueError without one.
    """
    if part == "thinking" and rollout.thinking_budget is not None:
        return rollout.thinking, own or rollout.thinking_budget
    return rollout.length, budget_of(rollout, own)


def is_correct(rollout: Rollout) -> bool:
    """Whether the raw reward is 1."""
    return rollout.raw_reward == 1.0


def z_among_correct(group: Group, epsilon: float = 0.0) -> Callable[[Rollout], float]:
    """The standardised length, (L - mean) / (deviation + ε) over the group's correct rollouts.

    Population deviation. 0 where there is no deviation to divide by, and where nobody is correct.
    """
    lengths = [r.length for r in group.correct()]
    if not lengths:
        return lambda rollout: 0.0
    mean, scale = fmean(lengths), pstdev(lengths) + epsilon
    return lambda rollout: (rollout.length - mean) / scale if scale else 0.0


def at_least(method: str, low: float, **values: float | None) -> None:
    """Refuse options below `low`; None is let through. Errors: ValueError naming the option."""
    for name, value in values.items():
        if value is not None and not value >= low:
            raise ValueError(f"{method}: {name} must be at least {low:g}, not {value}")
