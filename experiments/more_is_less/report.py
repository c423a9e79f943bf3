"""What the experiment found: a figure, a table, and sentences that follow from the numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from data_synth.steps import OPERATORS, STEP_SIZES
from experiments.more_is_less.theory import Cell, Fit, fit
from rl.report.plots import COLORS, STYLE
from rl.run_folder import write_text

Measured = Mapping[str, Any]


def cells_of(measured: Measured) -> list[tuple[int, Cell]]:
    """Step size and cell, as measured."""
    return [
        (row["size"], Cell(row["operators"], row["steps"], row["right"], row["n"], row["guess"]))
        for row in measured["cells"]
    ]


def best(measured: Measured, operators: int) -> tuple[int, Cell]:
    """The step size with the highest accuracy at a difficulty; of equal ones the largest."""
    cells = [(size, cell) for size, cell in cells_of(measured) if cell.operators == operators]
    return max(cells, key=lambda pair: (pair[1].right, pair[0]))


def figure(results: Mapping[str, Any]) -> Figure:
    """Accuracy by number of steps for each model, with the fit; and the sizes RL settles on."""
    models = results["models"]
    drawn, axes = plt.subplots(1, len(models) + 1, figsize=(3.4 * (len(models) + 1), 3.4), sharey=False)
    for place, (updates, measured) in enumerate(models.items()):
        fitted = fit([cell for _, cell in cells_of(measured)])
        for color, operators in zip(COLORS, OPERATORS, strict=False):
            cells = sorted(
                (cell for _, cell in cells_of(measured) if cell.operators == operators), key=lambda c: c.steps
            )
            errors = [1.96 * (c.accuracy * (1 - c.accuracy) / c.n) ** 0.5 for c in cells]
            axes[place].errorbar(
                [c.steps for c in cells],
                [c.accuracy for c in cells],
                errors,
                fmt="o-",
                ms=4,
                color=color,
                label=f"{operators} operators",
            )
            axes[place].axvline(fitted.best_steps(operators), color=color, lw=0.8, ls=":")
        axes[place].set(title=f"after {updates} updates", xlabel="steps asked for", ylabel="accuracy", ylim=(0, 1.02))
    axes[0].legend(fontsize=7)
    last = axes[-1]
    before = models[str(results["rl"][0]["updates"])]["habits"] if results["rl"] else []
    arms = [("before RL", before), *((f"RL, seed {run['seed']}", run["habits"]) for run in results["rl"])]
    for i, (label, habits) in enumerate(arms):
        shares = [share(habits, size) for size in STEP_SIZES]
        width = 0.8 / len(arms)
        last.bar([x + i * width for x in range(len(STEP_SIZES))], shares, width, label=label)
    last.set_xticks([x + 0.4 for x in range(len(STEP_SIZES))], [str(size) for size in STEP_SIZES])
    last.set(title="steps by its own choice", xlabel="operators a step", ylabel="share of answers")
    last.legend(fontsize=7)
    return drawn


def share(habits: Sequence[Mapping[str, Any]], size: int) -> float:
    """The share of answers, over all difficulties that the size fits, whose first step is of that size."""
    counts = [habit["sizes"] for habit in habits]
    total = sum(sum(count.values()) for count in counts)
    return sum(int(count.get(str(size), count.get(size, 0))) for count in counts) / total if total else 0.0


def table(results: Mapping[str, Any]) -> str:
    """Each model's accuracy by step size, its best number of steps as measured and as fitted."""
    lines = ["| updates | operators | " + " | ".join(f"t = {s}" for s in STEP_SIZES) + " | best N | fitted N* |"]
    lines.append("|---" * (len(STEP_SIZES) + 4) + "|")
    for updates, measured in results["models"].items():
        fitted = fit([cell for _, cell in cells_of(measured)])
        for operators in OPERATORS:
            found = {size: cell for size, cell in cells_of(measured) if cell.operators == operators}
            shown = [f"{100 * found[s].accuracy:.1f}" if s in found else "" for s in STEP_SIZES]
            lines.append(
                f"| {updates} | {operators} | {' | '.join(shown)} | {best(measured, operators)[1].steps} "
                f"| {fitted.best_steps(operators):.1f} |"
            )
    return "\n".join(lines)


def fits(results: Mapping[str, Any]) -> str:
    """The fitted parameters of each model."""
    lines = ["| updates | a | C (operators) | M (operators a step) |", "|---|---|---|---|"]
    for updates, measured in results["models"].items():
        found: Fit = fit([cell for _, cell in cells_of(measured)])
        lines.append(f"| {updates} | {found.scale:.3f} | {found.planning:.0f} | {found.capability:.1f} |")
    return "\n".join(lines)


def choices(results: Mapping[str, Any]) -> str:
    """What the model does by itself before RL and after it, beside the best that it could have been asked for."""
    lines = ["| model | operators | accuracy | mean steps | best steps if asked |", "|---|---|---|---|---|"]
    if not results["rl"]:
        return "\n".join(lines)
    start = results["models"][str(results["rl"][0]["updates"])]
    for label, measured in [("before", start), *((f"RL, seed {r['seed']}", r) for r in results["rl"])]:
        for habit in measured["habits"]:
            size, cell = best(start, habit["operators"])
            lines.append(
                f"| {label} | {habit['operators']} | {100 * habit['accuracy']:.1f} | {habit['steps']:.2f} "
                f"| {cell.steps} (t = {size}: {100 * cell.accuracy:.1f}) |"
            )
    return "\n".join(lines)


def write_report(results: Mapping[str, Any], folder: Path) -> None:
    """results.json, REPORT.md and figure.png."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
    with plt.rc_context(STYLE):
        drawn = figure(results)
        drawn.savefig(folder / "figure.png", dpi=130)
        plt.close(drawn)
    write_text(
        folder / "REPORT.md",
        "# When more is less\n\n"
        f"Accuracy (%) on up to {results['n']} held-out sums a cell, sampled at temperature 1, when the prompt asks "
        f"for steps of t operators; models of {results['depth']} layers, trained on batches of 16 traces.\n\n"
        f"{table(results)}\n\nThe fit of A(N) = a [(1 - T/C)(1 - T/(NM))]^N:\n\n{fits(results)}\n\n"
        f"Where no size is asked for, before and after plain GRPO (nothing pays for length):\n\n{choices(results)}\n\n"
        f"![accuracy by steps](figure.png)\n\nMade by `{results['command']}`.\n",
    )
