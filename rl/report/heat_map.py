"""The heat map of an evaluation: accuracy by context length and by depth of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from rl.errors import UserError
from rl.report.plots import STYLE

LIGHT_FROM = 60
"""Accuracy (%) from which a cell is so light that its text is dark."""


def heat_figure(heat: Mapping[str, Any], title: str, protocol: str) -> Figure:
    """`heat` as `evaluation.figures.heat.heat_map` gives it; each cell says its accuracy (%) and how many it is of."""
    accuracy = np.array([[np.nan if cell is None else 100 * cell for cell in line] for line in heat["accuracy"]])
    figure, axes = plt.subplots(figsize=(max(5.6, 2.2 + 0.8 * len(heat["lengths"])), 4), layout="constrained")
    image = axes.imshow(accuracy.T, cmap="viridis", vmin=0, vmax=100, aspect="auto", origin="upper")
    for i, line in enumerate(heat["n"]):
        for j, n in enumerate(line):
            text = f"{accuracy[i, j]:.0f}\nn={n}" if n else "–"
            color = "white" if n and accuracy[i, j] < LIGHT_FROM else "black"
            axes.text(i, j, text, ha="center", va="center", fontsize=8, color=color)
    axes.grid(False)
    axes.set_xticks(range(len(heat["lengths"])), [f"≤{length}" for length in heat["lengths"]])
    edges = [0.0, *heat["depths"]]
    bins = [f"{100 * a:.0f}–{100 * b:.0f}" for a, b in pairwise(edges)]
    axes.set_yticks(range(len(bins)), bins)
    axes.set(xlabel="context (tokens)", ylabel="depth of the answer (%)", title=title)
    figure.colorbar(image, label="accuracy (%)")
    figure.supxlabel("\n".join(wrap(protocol, 95)), fontsize=6.5, color="0.35")
    return figure


def draw_heat_map(heat: Mapping[str, Any], title: str, protocol: str, path: Path) -> None:
    """As a file of the kind its suffix says. Errors: UserError."""
    with plt.rc_context(STYLE):
        figure = heat_figure(heat, title, protocol)
        try:
            figure.savefig(path, dpi=160)
        except (ValueError, OSError) as error:
            raise UserError(f"cannot draw {path}: {error}") from error
        finally:
            plt.close(figure)
