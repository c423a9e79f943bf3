"""Train Long, Think Short: budgets that shrink in steps (arXiv 2508.08940, section 3 and its ablations)."""

from __future__ import annotations

import math
from fractions import Fraction

from curricula.schedule import floored, whole


class Exponential:
    """B(t) = max(minimum, ⌊initial · factor^⌊t / interval⌋⌋): 256, 179, 125, 87 over 600 steps by default."""

    name = "exponential"
    source = "arXiv 2508.08940"

    def __init__(self, initial: int = 256, factor: float = 0.7, interval: int = 150, minimum: int = 1) -> None:
        whole(self.name, initial=initial, interval=interval, minimum=minimum)
        if not isinstance(factor, int | float) or not 0 < factor <= 1:
            raise ValueError(f"exponential: factor must lie in (0, 1], not {factor!r}")
        self.maximum = max(initial, minimum)
        self.initial, self.interval, self.minimum = initial, interval, minimum
        self.factor = Fraction(str(factor))  # the decimal that was written, not its nearest float
        # From this drop on the budget is `minimum`; powers beyond it would only cost time.
        self.last = math.ceil(math.log(minimum / self.maximum, factor)) + 1 if factor < 1 else 0

    def at(self, step: int) -> int:
        return max(self.minimum, int(self.initial * self.factor ** min(step // self.interval, self.last)))


class _Drops:
    """n drops at equal distances over `steps` optimiser steps; the last of the n + 1 budgets is `final`."""

    name: str

    def __init__(self, initial: int = 256, final: int = 87, n: int = 3, steps: int = 600) -> None:
        whole(self.name, initial=initial, final=final, n=n, steps=steps)
        self.maximum = max(initial, final)
        self.initial, self.final, self.n, self.steps = initial, final, n, steps

    def drops(self, step: int) -> int:
        return min(self.n, step * (self.n + 1) // self.steps)


class NDrop(_Drops):
    """S_k = initial · d^k after drop k, d = (final / initial)^(1/n), one drop every steps / (n + 1) steps.

    `steps` is the run's length unless given.
    """

    name = "n-drop"
    source = "arXiv 2508.08940"

    def at(self, step: int) -> int:
        k = self.drops(step)
        return self.final if k == self.n else floored(self.initial * (self.final / self.initial) ** (k / self.n))


class Linear(_Drops):
    """`n` equal drops from `initial` to `final`: 256, 199, 143, 87 by default. `steps` as for `n-drop`."""

    name = "linear"
    source = "arXiv 2508.08940"

    def at(self, step: int) -> int:
        return (self.initial * self.n - self.drops(step) * (self.initial - self.final)) // self.n
