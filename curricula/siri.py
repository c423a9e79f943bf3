"""SIRI: compress and expand in cycles (arXiv 2509.25176, section 3)."""

from __future__ import annotations

import math

from curricula.schedule import floored, whole


class _Cycle:
    name: str

    def __init__(self, maximum: int = 16384, minimum: int = 8192, period: int = 640) -> None:
        whole(self.name, maximum=maximum, minimum=minimum, period=period)
        if minimum > maximum:
            raise ValueError(f"{self.name}: minimum ({minimum}) must not exceed maximum ({maximum})")
        self.maximum, self.minimum, self.period = maximum, minimum, period

    def wave(self, cosine: float) -> int:
        """The budget at a height of `cosine` in [-1, 1] between minimum and maximum."""
        return floored((self.maximum + self.minimum) / 2 + (self.maximum - self.minimum) / 2 * cosine)


class SiriCosine(_Cycle):
    """L(t) = mean + half the range · cos(2π t / period): `maximum` at step 0, `minimum` half a period later."""

    name = "siri-cosine"
    source = "arXiv 2509.25176"

    def at(self, step: int) -> int:
        return self.wave(math.cos(2 * math.pi * (step % self.period) / self.period))


class SiriStair(_Cycle):
    """`minimum` in the first half of each period, `maximum` in the second: compression comes first."""

    name = "siri-stair"
    source = "arXiv 2509.25176"

    def at(self, step: int) -> int:
        return self.minimum if 2 * (step % self.period) < self.period else self.maximum


class SiriStairCosine(_Cycle):
    """Flat at both ends, half a cosine between: by eighths of a period 1 at maximum, 2 down, 2 flat, 2 up, 1 flat."""

    name = "siri-stair-cosine"
    source = "arXiv 2509.25176"

    def at(self, step: int) -> int:
        eighths = 8 * (step % self.period) / self.period
        if eighths < 1 or eighths >= 7:
            return self.maximum
        if 3 <= eighths < 5:
            return self.minimum
        return self.wave(math.cos(math.pi / 2 * (eighths - (1 if eighths < 3 else 3))))
