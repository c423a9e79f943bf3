"""How many of the numbers seen so far lie above one: counts in bounded bins."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

MOST = 4096
"""Bins that are kept."""
UNIT = 1_000_000
"""Bins a unit, at first."""


class Counted:
    """Numbers, counted: to a millionth while these are at most `MOST` different ones, exactly so.

    With more of them bins of two neighbours become one, as often as it takes. A bin is then no wider than 1/2,048 of
    the way from the lowest number seen to the highest; numbers within one bin count as equal.
    """

    def __init__(self) -> None:
        self.width = 1
        """Of a bin, in millionths: a power of 2."""
        self.bins: Counter[int] = Counter()

    def add(self, numbers: Iterable[float]) -> None:
        self.bins.update(map(self._bin, numbers))
        while len(self.bins) > MOST:
            self.width *= 2
            pairs: Counter[int] = Counter()
            for place, count in self.bins.items():
                pairs[place // 2] += count
            self.bins = pairs

    @property
    def total(self) -> int:
        """How many numbers were seen."""
        return self.bins.total()

    def above(self, numbers: Sequence[float]) -> list[int]:
        """For each of `numbers`, how many of those seen lie above it."""
        places = sorted(self.bins)
        upto = [0, *accumulate(self.bins[place] for place in places)]
        return [upto[-1] - upto[bisect_right(places, self._bin(number))] for number in numbers]

    def _bin(self, number: float) -> int:
        # Of the decimal that is meant, whatever its nearest float is.
        return round(Fraction(round(number, 6)) * UNIT) // self.width

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON: the least number of each bin and its count, and how wide a bin is in millionths."""
        return {
            "seen": [[place * self.width / UNIT, count] for place, count in sorted(self.bins.items())],
            "width": self.width,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Also what was written before bins had a width: every number that was seen, to a millionth."""
        self.width, self.bins = state.get("width", 1), Counter()
        for number, count in state["seen"]:
            self.bins[self._bin(number)] += count
        self.add(())
