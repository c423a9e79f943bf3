"""How a run trained: curves from its metrics, and from the numbers in its rollout files. Texts are left alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from rl.folders.rollouts import rollout_table
from rl.report.pareto import Floats

LONGEST = 300
"""Points of a curve at most; a longer one is averaged stretch by stretch."""
SMOOTH = 12
"""A curve is smoothed over a twelfth of its points."""


@dataclass(frozen=True)
class Curve:
    """Values over optimiser steps, counted from 1, as logged and smoothed."""

    steps: list[float]
    values: list[float]
    smooth: list[float]


def curve(points: Sequence[tuple[float, float | None]]) -> Curve:
    """A curve through (step, value); missing values and NaN are left out."""
    known = [(step, value) for step, value in points if value is not None and math.isfinite(value)]
    known = thin(known, LONGEST)
    values = [value for _, value in known]
    return Curve([step for step, _ in known], values, smooth(values, max(1, len(values) // SMOOTH)))


def thin(points: Sequence[tuple[float, float]], longest: int) -> list[tuple[float, float]]:
    """At most `longest` points: the means of as many stretches, as equal as can be."""
    if len(points) <= longest:
        return list(points)
    stretches = np.array_split(np.asarray(points, dtype=float), longest)
    return [(float(step), float(value)) for step, value in (stretch.mean(axis=0) for stretch in stretches)]


def smooth(values: Sequence[float], window: int) -> list[float]:
    """The mean of the up to `window` values around each, fewer at the ends."""
    before, after = (window - 1) // 2, window // 2
    return [float(np.mean(values[max(0, i - before) : i + after + 1])) for i in range(len(values))]


def metric(lines: Sequence[dict[str, Any]], name: str) -> Curve:
    """The curve of one logged metric."""
    return curve([(line["step"], line.get(name)) for line in lines])


def length_by_sign(lengths: Floats, advantages: Floats) -> tuple[float, float]:
    """Mean tokens of the rollouts with positive and with negative advantage; NaN where there is none.

    Rollouts that did not train (advantage NaN) and those with advantage 0 belong to neither.
    """
    positive, negative = lengths[advantages > 0], lengths[advantages < 0]
    return (
        float(positive.mean()) if positive.size else math.nan,
        float(negative.mean()) if negative.size else math.nan,
    )


@dataclass(frozen=True)
class RoundNumbers:
    """What one round's rollouts say: `rewards` are means over those that the reward judged."""

    step: int
    """The optimiser step of its first update, counted from 1 as in the metrics."""
    positive: float
    """Mean tokens of the rollouts with positive advantage."""
    negative: float
    rewards: dict[str, float]


def read_round(path: Path, offset: int = 0) -> RoundNumbers | None:
    """One rollout file; None where it is empty. `offset`: the steps of the stages before. Errors: UserError."""
    table = rollout_table(path, ("step", "length", "advantage", "rewards"))
    if not table.num_rows:
        return None
    length, advantage = (np.array(table.column(name).to_pylist(), dtype=float) for name in ("length", "advantage"))
    rewards = table.column("rewards")
    means = {field.name: pc.mean(pc.struct_field(rewards, field.name)).as_py() for field in rewards.type}
    return RoundNumbers(
        table.column("step")[0].as_py() + 1 + offset,
        *length_by_sign(length, advantage),
        {name: math.nan if mean is None else mean for name, mean in means.items()},
    )


def component(rounds: Sequence[RoundNumbers], name: str) -> Curve:
    """The curve of one reward's mean."""
    return curve([(round_.step, round_.rewards.get(name)) for round_ in rounds])
