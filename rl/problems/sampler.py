"""Which problems come next: one stream, the same on every rank, that a checkpoint can hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Sized
from typing import Any

from curricula import Admission, ProblemOrder, Uniform
from rewards import Problem
from rl.errors import UserError
from rl.plugins import guarded
from rl.plugins.blame import name_of

PASS_RATE = "pass_rate"
"""The history's entry for the share of a problem's latest group that was correct, as `rate`."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class ProblemSampler:
    """Passes over the problems in the order of a `ProblemOrder`; a pass is a function of (seed, its number)."""

    def __init__(self, problems: Sequence[Problem], seed: int, order: ProblemOrder | None = None) -> None:
        self.order: ProblemOrder = order or Uniform()
        self.seed = seed
        self.values = [_value(problem, self.order.column) for problem in problems]
        self.drawn = 0
        """Position in the stream, problems passed over included."""
        self.skipped = 0
        """Problems that the order passed over when their turn came."""
        self._number, self._current = 0, self._sequence(0)

    def take(self, count: int, pass_rate: Callable[[int], float | None] = lambda _: None) -> list[int]:
        """The next `count` indices; `pass_rate` tells how often an index was solved last.

        A problem may come twice only where a new pass begins. An order that admits none of them
        all gets the next one nevertheless: training goes on.
        """
        taken: list[int] = []
        refused = 0
        while len(taken) < count:
            index = self._at(self.drawn)
            self.drawn += 1
            admitted = not isinstance(self.order, Admission) or self.order.admits(pass_rate(index))
            if admitted or refused >= len(self.values):
                taken.append(index)
                refused = 0
            else:
                refused += 1
                self.skipped += 1
        return taken

    def _sequence(self, number: int) -> Sequence[int]:
        with guarded(self.order, "problem order"):
            found = self.order.sequence(number, self.seed, list(self.values))
        if not isinstance(found, Sized):
            raise UserError(
                f"problem order {name_of(self.order)!r} gave a {type(found).__name__}, not a list of places"
            )
        return found

    def _at(self, position: int) -> int:
        number, offset = divmod(position, len(self._current))  # every pass is as long as the first
        if self._number != number:
            self._number, self._current = number, self._sequence(number)
        return self._current[offset]

    def state_dict(self) -> dict[str, int]:
        return {"drawn": self.drawn, "skipped": self.skipped}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.drawn, self.skipped = state["drawn"], state["skipped"]


def _value(problem: Problem, column: str | None) -> float:
    """The number in a problem's column: 3 of `Level 3`."""
    if column is None:
        return 0.0
    value: Any = problem.columns.get(column)
    if isinstance(value, int | float):
        return float(value)
    found = _NUMBER.search(str(value)) if value is not None else None
    if found is None:
        raise UserError(
            f"data.order goes by column {column!r}, but a problem has {value!r} there; name a column of numbers"
            + (", or let `data.probe` measure it" if column == PASS_RATE else "")
        )
    return float(found.group())
