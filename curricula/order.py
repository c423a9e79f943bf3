"""In which order problems come. Pure: what is known of the problems in, indices out.

A run passes over its problems again and again. An order gives the sequence of each pass, a function
of pass number, seed and one column of the problems; one that `admits` may pass a problem over when its
turn comes, by how often the run's own rollouts have solved it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable


@runtime_checkable
class ProblemOrder(Protocol):
    """The order of the problems, pass by pass."""

    @property
    def column(self) -> str | None:
        """The column of the problems that the order goes by, if any."""
        ...

    def sequence(self, number: int, seed: int, values: Sequence[float]) -> list[int]:
        """The indices of pass `number`; `values` are the column's, one a problem (zeros without a column)."""
        ...


@runtime_checkable
class Admission(Protocol):
    """An order that looks at the pass rates of the run so far."""

    def admits(self, pass_rate: float | None) -> bool:
        """Whether a problem comes, given the accuracy of its latest group; None before its first."""
        ...


def _shuffled(indices: Sequence[int], *key: object) -> list[int]:
    order = list(indices)
    random.Random("/".join(map(str, key))).shuffle(order)
    return order


class Uniform:
    """Every pass is a shuffle of all problems."""

    name = "uniform"
    source = "most"
    column = None

    def sequence(self, number: int, seed: int, values: Sequence[float]) -> list[int]:
        return _shuffled(range(len(values)), seed, number)


class AsGiven:
    """The order of the data file, pass after pass."""

    name = "as-given"
    source = "TRL's `shuffle_dataset: false`"
    column = None

    def sequence(self, number: int, seed: int, values: Sequence[float]) -> list[int]:
        return list(range(len(values)))


class EasyToHard:
    """Every pass goes from easy to hard by a `column`, shuffled among equals; `easy` says which end is easy."""

    name = "easy-to-hard"
    source = "curriculum learning"

    def __init__(self, column: str = "difficulty", easy: Literal["low", "high"] = "low") -> None:
        if easy not in ("low", "high"):
            raise ValueError(f"easy-to-hard: easy must be 'low' or 'high', not {easy!r}")
        self.column, self.sign = column, 1 if easy == "low" else -1

    def sequence(self, number: int, seed: int, values: Sequence[float]) -> list[int]:
        return sorted(_shuffled(range(len(values)), seed, number), key=lambda i: self.sign * values[i])


class PassRateWindow(Uniform):
    """Shuffled passes, without the problems whose latest pass rate lies outside [minimum, maximum].

    A problem never tried is in. One that fell out stays out: its rate is that of its latest visit.
    """

    name = "pass-rate-window"
    source = "DeepScaleR and others"

    def __init__(self, minimum: float = 0.05, maximum: float = 0.95) -> None:
        if not 0 <= minimum <= maximum <= 1:
            raise ValueError(f"pass-rate-window: need 0 <= minimum <= maximum <= 1, not {minimum}, {maximum}")
        self.minimum, self.maximum = minimum, maximum

    def admits(self, pass_rate: float | None) -> bool:
        return pass_rate is None or self.minimum <= pass_rate <= self.maximum


class EasyAnchors:
    """Shuffled passes in which every 1/`share`-th problem is an easy one, as an anchor against drift (CAMPO).

    Easy is a value of `column` of at least `threshold`. A pass goes once over the others; the easy
    ones come in turn, again from the first where there are too few.
    """

    name = "easy-anchors"
    source = "arXiv 2507.14683"

    def __init__(self, column: str = "pass_rate", threshold: float = 0.8, share: float = 0.1) -> None:
        if not 0 < share <= 0.5:
            raise ValueError(f"easy-anchors: share must lie in (0, 0.5], not {share}")
        self.column, self.threshold, self.share = column, threshold, share

    def sequence(self, number: int, seed: int, values: Sequence[float]) -> list[int]:
        easy = _shuffled([i for i, value in enumerate(values) if value >= self.threshold], seed, number, "easy")
        rest = _shuffled([i for i, value in enumerate(values) if value < self.threshold], seed, number)
        if not easy or not rest:
            return easy + rest
        order: list[int] = []
        anchors = 0
        for index in rest:
            order.append(index)
            if anchors + 1 <= self.share * (len(order) + 1):
                order.append(easy[anchors % len(easy)])
                anchors += 1
        return order
