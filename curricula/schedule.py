"""What a budget schedule is."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, runtime_checkable


@runtime_checkable
class BudgetSchedule(Protocol):
    """The one source of the token budget. A pure function of the optimiser step."""

    maximum: int
    """The largest budget it ever gives, in tokens; the rollout engine is built for it."""

    def at(self, step: int) -> int:
        """The budget in tokens of the round whose first update is optimiser step `step` (0-based)."""
        ...


@runtime_checkable
class GroupBudget(Protocol):
    """A schedule that scores a group against a budget of its own, once its accuracy is known."""

    def for_group(self, step: int, accuracy: float) -> int:
        """The budget in tokens of a group with this share of correct rollouts, in [0, 1]; at most `at(step)`."""
        ...


@runtime_checkable
class ProblemBudget(Protocol):
    """A schedule that gives every problem a budget of its own."""

    def for_problem(self, step: int, problem_id: str) -> int:
        """The problem's budget in tokens, at most `maximum`."""
        ...


class Parts(NamedTuple):
    """Tokens of thinking, its end counted, and of the answer after it."""

    thinking: int
    answer: int


@runtime_checkable
class SplitBudget(Protocol):
    """A schedule that gives thinking and answer budgets of their own; `at` gives their sum."""

    closing: str | None
    """Text that closes thinking which has used up its own; None: its end alone."""
    end: str | None
    """Text that ends thinking; None: the tokenizer's own."""
    trains_closing: bool
    """Whether the closing is in the loss."""

    def split(self, step: int, problem_id: str) -> Parts:
        """The budgets of a problem's rollouts, at most `maximum` together."""
        ...


def floored(tokens: float) -> int:
    """Whole tokens, at least 1. Rounded down, but 12287.999999999998 is meant to be 12288."""
    return max(1, math.floor(tokens + 1e-6))


def whole(method: str, **options: int | None) -> None:
    """Refuse options that are not whole numbers of at least 1; None is let through. Errors: ValueError."""
    for name, value in options.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ValueError(f"{method}: {name} must be a whole number of at least 1, not {value!r}")
