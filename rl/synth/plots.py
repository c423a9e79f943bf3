"""The plots of `lengthwise synth stats`: lengths, and where answers and links lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from data_synth.check.stats import TaskStats
from rl.errors import UserError
from rl.report.plots import STYLE

Tasks = Mapping[str, TaskStats]
Numbers = Callable[[TaskStats], "list[float]"]


def draw(tasks: Tasks, folder: Path) -> list[Path]:
    """One PNG a plot into `folder`, which is made. Plots without numbers are left out. Errors: UserError."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with plt.rc_context(STYLE):
            for name, figure in figures(tasks).items():
                figure.savefig(folder / f"{name}.png", dpi=160)
                plt.close(figure)
                written.append(folder / f"{name}.png")
    except OSError as error:
        raise UserError(f"cannot draw into {folder}: {error.strerror}") from error
    return written


def figures(tasks: Tasks) -> dict[str, Figure]:
    """Each plot by its name."""
    return {
        "fill": _histogram(tasks, lambda t: [100 * f for f in t.fill], "tokens (% of the target)", "Length of prompts"),
        **_depths(tasks, "gold-depth", lambda t: t.gold_depths, "Gold documents"),
        **_depths(tasks, "link-depth", lambda t: t.link_depths, "Links of the true chain"),
    }


def _histogram(tasks: Tasks, numbers: Numbers, label: str, title: str) -> Figure:
    figure, axes = plt.subplots(figsize=(5.6, 3.6))
    values = {name: numbers(stats) for name, stats in tasks.items()}
    low, high = min(map(min, values.values())), max(map(max, values.values()))
    bins = np.linspace(low, high if high > low else low + 1, 33).tolist()
    for name, found in values.items():
        axes.hist(found, bins=bins, weights=np.full(len(found), 100 / len(found)), alpha=0.5, label=name)
    axes.set(xlabel=label, ylabel="rows (%)", title=title)
    axes.legend()
    return figure


def _depths(tasks: Tasks, name: str, numbers: Numbers, title: str) -> dict[str, Figure]:
    """Shares by tenth of the context, with the line that even ones would lie on."""
    found = {task: values for task, stats in tasks.items() if (values := numbers(stats))}
    if not found:
        return {}
    figure, axes = plt.subplots(figsize=(5.6, 3.6))
    width = 0.8 / len(found)
    for number, (task, values) in enumerate(found.items()):
        counts, _ = np.histogram(values, bins=10, range=(0, 1))
        places = np.arange(10) + (number - (len(found) - 1) / 2) * width
        axes.bar(places, 100 * counts / counts.sum(), width, label=task, zorder=2)
    axes.axhline(10, color="black", linewidth=0.8, linestyle="--", zorder=3)
    axes.set_xticks(range(10), [f"{10 * i}-{10 * i + 10}" for i in range(10)], fontsize=7)
    axes.set(xlabel="depth in the context (%)", ylabel=f"{title.lower()} (%)", title=f"{title} by depth")
    axes.legend()
    return {name: figure}
