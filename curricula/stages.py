"""A list of budgets, one after the other: CAMPO's growing ones, ThinkPrune's shrinking ones, length expanding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from curricula.schedule import whole


class Stages:
    """`tokens` are the budgets in their order; each holds for `interval` optimiser steps, the last to the end.

    `interval` may be a list, one shorter than `tokens` or as long. Without it the run's `steps` are
    shared out equally. CAMPO (arXiv 2507.14683): 16384, then 32768. ThinkPrune (arXiv 2504.01296): 4000, 3000,
    2000. DeepScaleR: 8192, 16384, 24576. Where each stage starts from a checkpoint of its own, with
    other settings or problems, a recipe's `stages:` do that.
    """

    name = "stages"
    source = "arXiv 2507.14683, arXiv 2504.01296, DeepScaleR"

    def __init__(
        self, tokens: Sequence[int], interval: int | Sequence[int] | None = None, steps: int | None = None
    ) -> None:
        if not isinstance(tokens, list | tuple) or not tokens:
            raise ValueError(f"stages: tokens must be a list of budgets, not {tokens!r}")
        for budget in tokens:
            whole(self.name, tokens=budget)
        self.tokens: tuple[int, ...] = tuple(tokens)
        self.maximum = max(tokens)
        self.starts = self._starts(interval, steps)

    def _starts(self, interval: int | Sequence[int] | None, steps: int | None) -> list[int]:
        """The first step of each stage after the first."""
        count = len(self.tokens)
        if interval is None:
            if steps is None:
                raise ValueError("stages: give `interval`, the optimiser steps of each stage")
            whole(self.name, steps=steps)
            return [-(-k * steps // count) for k in range(1, count)]
        lengths: list[Any] = list(interval) if isinstance(interval, list | tuple) else [interval] * (count - 1)
        if len(lengths) not in (count - 1, count):
            raise ValueError(f"stages: {len(lengths)} intervals do not fit {count} budgets")
        for length in lengths:
            whole(self.name, interval=length)
        return list(accumulate(lengths[: count - 1]))

    def at(self, step: int) -> int:
        return self.tokens[sum(step >= start for start in self.starts)]
