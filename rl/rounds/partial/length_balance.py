"""Whether a run whose rounds close by what is whole trains on lengths as it begins them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

ENOUGH = 8
"""Rounds that are compared before anything is said."""


class LengthBalance:
    """The mean length of what each round closed with, less that of what it had begun, once all of that is whole.

    A round that leaves its long rollouts for later lies below, the one that trains them above: over a run the gaps sum
    to what is under way. Not so the first round, which nothing was left for; it is not compared.
    """

    def __init__(self) -> None:
        self.begun = self.ended = 0
        """Rollouts."""
        self._open: dict[int, list[int]] = {}
        """By first step of a round: rollouts that it began and that go on; its others, and their tokens."""
        self._closed: dict[int, float] = {}
        """By first step of a round: the mean length of what it closed with."""
        self._gaps = [0.0, 0.0, 0.0]
        """How many, their sum, the sum of their squares."""

    def begin(self, step: int, rollouts: int) -> None:
        """The round that begins with `step` begins some."""
        self.begun += rollouts
        self._open.setdefault(step, [0, 0, 0])[0] += rollouts

    def close(self, step: int, lengths: Iterable[tuple[int, int]]) -> None:
        """What it closes with: the round that began each, and its tokens."""
        lengths = list(lengths)
        if not lengths:
            return
        self.ended += len(lengths)
        for begun, length in lengths:
            cohort = self._open[begun]
            self._open[begun] = [cohort[0] - 1, cohort[1] + 1, cohort[2] + length]
        self._closed[step] = fmean(length for _, length in lengths)
        for each in sorted(self._closed):
            going, ended, tokens = self._open.get(each, (0, 0, 0))
            if going == 0:
                mean = self._closed.pop(each)
                self._open.pop(each, None)
                if ended and each:
                    gap = mean - tokens / ended
                    self._gaps = [self._gaps[0] + 1, self._gaps[1] + gap, self._gaps[2] + gap * gap]

    def gap(self) -> tuple[float, float] | None:
        """Its mean in tokens, with its standard error; None before `ENOUGH` rounds."""
        count, total, squares = self._gaps
        if count < ENOUGH:
            return None
        mean = total / count
        return mean, math.sqrt(max(0.0, squares / count - mean * mean) / (count - 1))

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "begun": self.begun,
            "ended": self.ended,
            "open": sorted(self._open.items()),
            "closed": sorted(self._closed.items()),
            "gaps": self._gaps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.begun, self.ended, self._gaps = state["begun"], state["ended"], list(state["gaps"])
        self._open = {step: list(cohort) for step, cohort in state["open"]}
        self._closed = dict(state["closed"])
