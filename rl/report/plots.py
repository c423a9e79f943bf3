"""The plots of a report, one function each: arms in, a figure out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rl.errors import UserError
from rl.report.arms import METHOD_COLORS, Arm

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def accuracy_against_tokens(arms: Sequence[Arm]) -> Figure:
    """Each arm as a point with its 95 % intervals: up and to the left is better."""
    figure, axes = plt.subplots(figsize=(5.6, 4))
    for arm in arms:
        accuracy, tokens = arm.evaluation.accuracy(), arm.evaluation.tokens()
        axes.errorbar(
            tokens.mean,
            100 * accuracy.mean,
            xerr=[[tokens.mean - tokens.low], [tokens.high - tokens.mean]],
            yerr=[[100 * (accuracy.mean - accuracy.low)], [100 * (accuracy.high - accuracy.mean)]],
            fmt="o",
            color=arm.color,
            label=arm.label,
            capsize=3,
            markersize=7,
        )
    axes.set(xlabel="mean completion length (tokens)", ylabel="accuracy (%)", title="Accuracy against tokens")
    axes.set_xlim(left=0)
    axes.margins(y=0.25)
    axes.legend()
    return figure


def training_curves(arms: Sequence[Arm]) -> Figure:
    """Tokens and accuracy of the sampled rollouts over optimiser steps; thin lines are the raw values."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 5), sharex=True)
    for arm in (arm for arm in arms if arm.metrics):
        _curve(above, arm, "length/mean", 1)
        _curve(below, arm, "accuracy", 100)
    above.set(ylabel="mean tokens", title="Training rollouts")
    above.set_ylim(bottom=0)
    below.set(xlabel="optimiser step", ylabel="correct within the budget (%)")
    above.legend()
    return figure


def _curve(axes: Axes, arm: Arm, name: str, factor: float) -> None:
    points = [(m["step"], factor * m[name]) for m in arm.metrics if m.get(name) is not None]
    if not points:
        return
    steps, values = map(np.asarray, zip(*points, strict=True))
    window = max(1, len(values) // 12)
    smooth = np.convolve(values, np.ones(window) / window, mode="valid")
    axes.plot(steps, values, color=arm.color, alpha=0.25, linewidth=0.8)
    axes.plot(steps[window - 1 :], smooth, color=arm.color, label=arm.label, linewidth=1.8)


def length_histogram(arms: Sequence[Arm]) -> Figure:
    """How long completions are, as shares of each arm."""
    figure, axes = plt.subplots(figsize=(5.6, 3.6))
    longest = max(row["length"] for arm in arms for row in arm.evaluation.rows)
    bins = np.linspace(0, longest, 33).tolist()
    for arm in arms:
        lengths = [row["length"] for row in arm.evaluation.rows]
        shares = np.full(len(lengths), 100 / len(lengths))
        axes.hist(lengths, bins=bins, weights=shares, histtype="stepfilled", alpha=0.3, color=arm.color)
        axes.hist(lengths, bins=bins, weights=shares, histtype="step", color=arm.color, label=arm.label)
    axes.set(xlabel="completion length (tokens)", ylabel="problems (%)", title="Length of held-out answers")
    axes.legend()
    return figure


def tokens_by_difficulty(arms: Sequence[Arm]) -> Figure:
    """Mean tokens, and accuracy above the bars, for each difficulty."""
    figure, axes = plt.subplots(figsize=(5.6, 3.6))
    levels = sorted({row["difficulty"] for arm in arms for row in arm.evaluation.rows}, key=_numeric)
    width = 0.8 / len(arms)
    for i, arm in enumerate(arms):
        means = [_mean(arm, level, "length") for level in levels]
        places = np.arange(len(levels)) + (i - (len(arms) - 1) / 2) * width
        bars = axes.bar(places, means, width, color=arm.color, label=arm.label)
        labels = [f"{100 * _mean(arm, level, 'correct'):.0f}%" for level in levels]
        axes.bar_label(bars, labels, fontsize=7, padding=1)
    axes.set_xticks(range(len(levels)), levels)
    axes.set(xlabel="difficulty", ylabel="mean tokens", title="Tokens by difficulty (accuracy above each bar)")
    axes.legend()
    return figure


def _numeric(level: str) -> tuple[float, str]:
    digits = "".join(c for c in level if c.isdecimal())
    return (float(digits) if digits else 0.0, level)


def _mean(arm: Arm, level: str, column: str) -> float:
    rows = [row for row in arm.evaluation.judged() if row["difficulty"] == level]
    return float(np.mean([row[column] for row in rows])) if rows else float("nan")


PLOTS: Mapping[str, Callable[[Sequence[Arm]], Figure]] = {
    "accuracy-tokens": accuracy_against_tokens,
    "training": training_curves,
    "lengths": length_histogram,
    "difficulty": tokens_by_difficulty,
}


def draw_schedule(name: str, budgets: Sequence[int], path: Path) -> None:
    """The budget in tokens over optimiser steps, as a file of the kind its suffix says."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
        axes.step(range(len(budgets)), budgets, where="post", color=METHOD_COLORS[0])
        axes.set(title=name, xlabel="optimiser step", ylabel="budget (tokens)")
        axes.set_ylim(bottom=0)
        try:
            figure.savefig(path, dpi=160)
        except (ValueError, OSError) as error:
            raise UserError(f"cannot draw {path}: {error}") from error
        finally:
            plt.close(figure)
