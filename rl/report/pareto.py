"""Which models nobody beats on both accuracy and tokens, and how much of the plane they cover. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl.statistics import RESAMPLES, Estimate

Point = tuple[float, float]
"""Mean tokens, accuracy as a fraction: fewer and more is better."""
Floats = NDArray[np.float64]


def front(points: Sequence[Point]) -> list[int]:
    """The places of the points that no other dominates, by rising tokens.

    A point dominates another if it has no more tokens, no less accuracy, and differs. Equal points
    stand on the front together; a point that is not a number stands on none.
    """
    order = sorted(
        (i for i, point in enumerate(points) if _is_number(point)), key=lambda i: (points[i][0], -points[i][1])
    )
    kept: list[int] = []
    for i in order:
        if not kept or points[i][1] > points[kept[-1]][1] or points[i] == points[kept[-1]]:
            kept.append(i)
    return kept


def hypervolume(points: Sequence[Point], tokens: float) -> float:
    """The share of the box from the reference point (`tokens`, accuracy 0) to (0 tokens, accuracy 1) that is dominated.

    1: every problem right without a token. 0: nothing, or nothing below the reference's tokens.
    """
    if not tokens > 0:
        raise ValueError(f"the reference point needs a positive number of tokens, not {tokens}")
    steps = [points[i] for i in front(points) if points[i][0] < tokens]
    ends = [start for start, _ in steps[1:]] + [tokens]
    return sum((end - start) * accuracy for (start, accuracy), end in zip(steps, ends, strict=False)) / tokens


@dataclass(frozen=True)
class Resampled:
    """What a bootstrap over problems says of several models that answered the same ones."""

    on_front: list[float]
    """For each model, the share of the resamples in which it stands on the front."""
    volumes: list[Estimate]
    """The hypervolume of each set of models, with its 95 % interval."""


def resample(
    correct: Floats, tokens: Floats, sets: Sequence[Sequence[int]], reference: float, seed: int = 0
) -> Resampled:
    """Draw problems with replacement, the same for all models.

    `correct` and `tokens` are (models, problems), a problem's mean over its samples; NaN where nothing
    was judged. `sets` name models by row; the front is that of all of them.
    """
    models, problems = correct.shape
    if not problems:
        nothing = Estimate(math.nan, math.nan, math.nan)
        return Resampled([math.nan] * models, [nothing] * len(sets))
    rng = np.random.default_rng(seed)
    judged = ~np.isnan(correct)
    worth = np.where(judged, correct, 0.0)
    on_front = np.zeros(models)
    volumes: list[list[float]] = [[] for _ in sets]
    for _ in range(RESAMPLES):
        weights = rng.multinomial(problems, np.full(problems, 1 / problems)).astype(float)
        counts = judged @ weights
        accuracy = np.divide(worth @ weights, counts, out=np.full(models, math.nan), where=counts > 0)
        drawn: list[Point] = list(zip((tokens @ weights / problems).tolist(), accuracy.tolist(), strict=True))
        on_front[front(drawn)] += 1
        for found, members in zip(volumes, sets, strict=True):
            found.append(hypervolume([drawn[i] for i in members], reference))
    means = list(zip(tokens.mean(axis=1).tolist(), _means(correct), strict=True))
    estimates = []
    for found, members in zip(volumes, sets, strict=True):
        low, high = np.percentile(found, [2.5, 97.5])
        estimates.append(Estimate(hypervolume([means[i] for i in members], reference), float(low), float(high)))
    return Resampled((on_front / RESAMPLES).tolist(), estimates)


def _means(rows: Floats) -> list[float]:
    return [float(np.nanmean(row)) if not np.isnan(row).all() else math.nan for row in rows]


def _is_number(point: Point) -> bool:
    return not any(math.isnan(value) for value in point)
