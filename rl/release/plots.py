"""The pictures of a card: accuracy against tokens over caps, and how training went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from rl.release.figures import Figures, Json
from rl.report.plots import STYLE

AFTER, BEFORE = "#0b6fa4", "#7b828e"


def draw(figures: Figures, logged: Sequence[Json], folder: Path) -> list[str]:
    """Write the pictures that there are numbers for; gives their names."""
    folder.mkdir()
    names = ["accuracy-tokens.png"]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.6, 4))
        _caps(axes, figures.numbers["caps"], AFTER, "this model")
        if figures.before:
            _caps(axes, figures.before["caps"], BEFORE, "before training")
        axes.set(xlabel="mean completion length (tokens)", ylabel="accuracy (%)", title="One sampling at each cap")
        axes.set_xlim(left=0)
        axes.margins(y=0.2)
        axes.legend()
        _save(figure, folder / names[0])
        if any(line.get("length/mean") is not None for line in logged):
            names.append("training.png")
            figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 5), sharex=True)
            _curve(above, logged, "length/mean", 1)
            _curve(below, logged, "accuracy", 100)
            above.set(ylabel="mean tokens", title="Training rollouts")
            above.set_ylim(bottom=0)
            below.set(xlabel="optimiser step", ylabel="correct within the budget (%)")
            _save(figure, folder / names[1])
    return names


def _caps(axes: Axes, caps: Json, color: str, label: str) -> None:
    """A point a cap with its 95 % intervals, the cap beside it."""
    points = [(cap, c["mean_tokens"], c["accuracy"]) for cap, c in caps.items() if c["accuracy"]["mean"] is not None]
    axes.plot([t["mean"] for _, t, _ in points], [100 * a["mean"] for *_, a in points], color=color, alpha=0.4)
    for place, (cap, tokens, accuracy) in enumerate(points):
        axes.errorbar(
            tokens["mean"],
            100 * accuracy["mean"],
            xerr=_arms(tokens, 1),
            yerr=_arms(accuracy, 100),
            fmt="o",
            color=color,
            capsize=3,
            label=label if place == 0 else None,
        )
        axes.annotate(cap, (tokens["mean"], 100 * accuracy["mean"]), xytext=(5, 5), textcoords="offset points")


def _arms(estimate: Json, factor: float) -> list[list[float]]:
    mean, low, high = (factor * estimate[key] for key in ("mean", "low", "high"))
    return [[mean - low], [high - mean]]


def _curve(axes: Axes, logged: Sequence[Json], name: str, factor: float) -> None:
    points = [(line["step"], factor * line[name]) for line in logged if line.get(name) is not None]
    if not points:
        return
    steps, values = map(np.asarray, zip(*points, strict=True))
    window = max(1, len(values) // 12)
    smooth = np.convolve(values, np.ones(window) / window, mode="valid")
    axes.plot(steps, values, color=AFTER, alpha=0.25, linewidth=0.8)
    axes.plot(steps[window - 1 :], smooth, color=AFTER, linewidth=1.8)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=160, metadata={"Software": None})
    plt.close(figure)
