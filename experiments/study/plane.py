"""A study's arms in the plane of tokens and accuracy: all of them at once, and each by itself among the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.study.contrasts import Difference
from rl.report.pareto import front
from rl.report.plots import COLORS, GREY, MARKERS

DARK = "#333"
COLUMNS = 6
"""Small panels beside one another."""

Place = tuple[Difference, Difference]
"""Of an arm: mean tokens, and accuracy in per cent, each with its standard error."""


def plane(arms: Mapping[str, Place]) -> Figure:
    """By label: above, the arms on the front in colour and named, all others grey; below, a panel an arm.

    Bars are one standard error. All panels below have the same axes, so that arms can be compared by place.
    """
    best = on_front(arms)
    styles = {label: (COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]) for i, label in enumerate(best)}
    rows = math.ceil(len(arms) / COLUMNS)
    heights = (4.4, 1.45 * rows)
    drawn = plt.figure(figsize=(9.5, sum(heights)))
    halves: Any = drawn.subfigures(2, 1, height_ratios=heights)
    upper, lower = halves
    axes = upper.subplots()
    for label in [*(each for each in arms if each not in styles), *best]:
        color, marker = styles.get(label, (GREY, "o"))
        _mark(axes, arms[label], color, marker, size=6, label=label if label in styles else None)
    _all(axes, [arms[label] for label in best], "--", lw=0.9, zorder=0)
    axes.set(xlabel="mean completion length (tokens)", ylabel="accuracy (%)")
    axes.legend(title="on the front, by length", title_fontsize=7.5, fontsize=7.5, loc="best")
    grid = lower.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).flatten()
    for place, (panel, label) in enumerate(zip_longest(grid, arms)):
        if label is None:
            panel.set_visible(False)
            continue
        _all(panel, [*arms.values()], "o", ms=2, alpha=0.4)
        _mark(panel, arms[label], *styles.get(label, (DARK, "o")), size=4)
        panel.set_title(fill(label, 24), fontsize=6.5)
        panel.tick_params(labelsize=6, labelbottom=place + COLUMNS >= len(arms))
    return drawn


def on_front(arms: Mapping[str, Place]) -> list[str]:
    """The arms that no other beats on both, by rising tokens."""
    labels = list(arms)
    return [labels[i] for i in front([(tokens.mean, accuracy.mean / 100) for tokens, accuracy in arms.values()])]


def _mark(axes: Axes, place: Place, color: str, marker: str, size: float, label: str | None = None) -> None:
    (tokens, accuracy), faded = place, 0.55 if color == GREY else 1.0
    axes.errorbar(
        tokens.mean,
        accuracy.mean,
        xerr=_bar(tokens),
        yerr=_bar(accuracy),
        fmt=marker,
        color=color,
        ms=size,
        lw=0.9,
        label=label,
        alpha=faded,
    )


def _all(axes: Axes, places: Sequence[Place], form: str, **style: Any) -> None:
    axes.plot([x.mean for x, _ in places], [y.mean for _, y in places], form, color=GREY, **style)


def _bar(estimate: Difference) -> float:
    return 0.0 if math.isnan(estimate.error) else estimate.error
