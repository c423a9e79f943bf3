"""The charts of a report as pictures for papers, drawn with matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from rl.errors import UserError
from rl.report.page.charts import Figure, Panel, Series

COLORS = ("#0b6fa4", "#d1490c", "#5f3dc4", "#2b8a3e", "#c2255c", "#946800", "#0c8599", "#7a4a2b")
MARKERS = "os^Dv+ph"
DASHES = ("-", "--", ":", "-.")
GREY = "#7b828e"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "lengthwise",
}


def save_plots(figures: Sequence[Figure], folder: Path, protocol: str) -> None:
    """Every figure as PNG and SVG, with the protocol beneath it; the same bytes for the same numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for figure in figures:
            drawn = draw(figure, protocol)
            lay_out(drawn)
            drawn.savefig(folder / f"{figure.name}.png", dpi=160)
            drawn.savefig(folder / f"{figure.name}.svg", metadata={"Date": None})
            plt.close(drawn)


def lay_out(drawn: Any) -> None:
    """Find the places of a figure's parts now, once: each way to save it would find them anew, and draw it twice."""
    drawn.get_layout_engine().execute(drawn)
    drawn.set_layout_engine("none")


def draw(figure: Figure, protocol: str) -> Any:
    """One figure; panels stand side by side, two or three in a row."""
    columns = {1: 1, 2: 2, 4: 2}.get(len(figure.panels), 3)
    rows = -(-len(figure.panels) // columns)
    size = (6.4, 4.4) if columns == 1 else (4.2 * columns, 3.1 * rows + 0.4)
    drawn, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for place, own in enumerate(axes.flat):
        if place < len(figure.panels):
            _draw_panel(own, figure, figure.panels[place])
        else:
            own.set_visible(False)
    shared = [own for own, panel in zip(axes.flat, figure.panels, strict=False) if panel.shared]
    for own in shared:
        own.set_ylim(min(other.get_ylim()[0] for other in shared), max(other.get_ylim()[1] for other in shared))
    drawn.suptitle(figure.title)
    small = "\n".join(textwrap.wrap(f"{protocol}. {figure.caveat}".strip(" ."), int(20 * size[0])))
    drawn.supxlabel(small, fontsize=6.5, color=GREY)
    return drawn


def _draw_panel(axes: Axes, figure: Figure, panel: Panel) -> None:
    for series in panel.series:
        _draw_series(axes, series)
    axes.set(title=panel.title, xlabel=figure.x_label, ylabel=panel.y_label)
    axes.margins(y=0.12)
    if figure.categories:
        axes.set_xticks(range(len(figure.categories)), figure.categories)
    if figure.log_x:
        axes.set_xscale("log")
        if figure.ticks:
            axes.set_xticks(figure.ticks, figure.tick_names or [f"{tick:g}" for tick in figure.ticks])
            axes.minorticks_off()
    elif figure.x_from_zero:
        axes.set_xlim(left=0)
    if panel.y_from_zero:
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])  # the margin above is of values that may lie far from 0
    axes.legend(fontsize=7.5)


def _draw_series(axes: Axes, series: Series) -> None:
    color = GREY if series.run is None else COLORS[series.run % len(COLORS)]
    marker, style = MARKERS[(series.mark or series.run or 0) % len(MARKERS)], DASHES[series.dash]
    if series.kind == "quoted":
        axes.plot(series.x, series.y, "x", color=GREY, markersize=5, label=series.label)
        return
    if series.faint:
        axes.plot(series.x, series.faint, color=color, alpha=0.25, linewidth=0.8)
    if series.kind in ("line", "steps"):
        shape = "steps-post" if series.kind == "steps" else "default"
        marks: dict[str, Any] = {} if series.run is None else {"marker": marker, "markevery": 0.25, "markersize": 5}
        axes.plot(series.x, series.y, style, color=color, linewidth=1.6, drawstyle=shape, label=series.label, **marks)
        return
    axes.plot(series.x, series.y, style, color=color, linewidth=0.9, alpha=0.7)
    axes.errorbar(
        series.x,
        series.y,
        xerr=_spans(series.x, series.x_intervals),
        yerr=_spans(series.y, series.y_intervals),
        fmt="none",
        ecolor=color,
        elinewidth=1,
        alpha=0.8,
    )
    small = series.small or [False] * len(series.x)
    axes.scatter(
        series.x, series.y, [16 if s else 52 for s in small], color=color, marker=marker, label=series.label, zorder=3
    )
    ringed = [i for i, is_ringed in enumerate(series.ringed) if is_ringed]
    axes.scatter(
        [series.x[i] for i in ringed],
        [series.y[i] for i in ringed],
        150,
        facecolors="none",
        edgecolors="#333",
        linewidths=0.9,
    )


def _spans(values: list[float], intervals: list[tuple[float, float]]) -> Any:
    """Distances below and above, as matplotlib wants them."""
    return np.abs(np.array(intervals).T - np.array(values)) if intervals else None


def draw_schedule(name: str, budgets: Sequence[int], path: Path) -> None:
    """The budget in tokens over optimiser steps, as a file of the kind its suffix says."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
        axes.step(range(len(budgets)), budgets, where="post", color=COLORS[0])
        axes.set(title=name, xlabel="optimiser step", ylabel="budget (tokens)")
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])  # the margin above is of values that may lie far from 0
        try:
            figure.savefig(path, dpi=160)
        except (ValueError, OSError) as error:
            raise UserError(f"cannot draw {path}: {error}") from error
        finally:
            plt.close(figure)
