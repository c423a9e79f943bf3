"""A row of small bars for a series of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], width: int, low: float | None = None, high: float | None = None) -> str:
    """At most `width` characters, each the mean of a stretch of `values`; a blank where there is none.

    `low` and `high` are the values of the least and the greatest bar, by default those of the stretches.
    """
    means = [_mean(stretch) for stretch in _stretches(values, width)]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    least = min(known) if low is None else low
    half = (max(known) if high is None else high) / 2 - least / 2  # the whole range may be beyond the largest float
    return "".join(" " if mean is None else _bar((mean / 2 - least / 2) / half if half > 0 else 0.5) for mean in means)


def _bar(share: float) -> str:
    return BARS[min(len(BARS) - 1, int(min(1.0, max(0.0, share)) * len(BARS)))]


def _stretches(values: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    count = min(len(values), max(0, width))
    return [values[i * len(values) // count : (i + 1) * len(values) // count] for i in range(count)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(value / len(known) for value in known) if known else None
