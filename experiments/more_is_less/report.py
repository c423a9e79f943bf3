"""What the experiment found: a figure and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_synth.steps import OPERATORS, STEP_SIZES
from experiments.more_is_less.theory import Cell, fit, likeliest, predict
from rl.folders.run import write_text
from rl.folders.written import require_same_kind
from rl.report.plots import COLORS, GREY, STYLE

Measured = Mapping[str, Any]

TEXT = """# When more is less

Accuracy (%) on held-out chains of T distances, {n} answers a cell, sampled at temperature 1, when the prompt asks for
steps of t operators, N = ceil(T / t) of them. Each model has seen so many batches of 32 traces of all sizes, in which
one digit in {one_in:.0f} is copied wrongly, on purpose: it is what many steps cost here. The last has seen none of
that. Runs that were left out, and why: [the diary](../../DIARY.md).

{table}

± is one standard error. An inverted U is said where the best number of steps is better than the most and than the
fewest by more than three of them.

![accuracy by steps](figure.png)

The fit of A(N) = a [(1 - T/C)(1 - (T/(NM))^k)]^N, as the paper has it (k = 1) and with the likeliest of six k, and the
number of steps that it is largest at:

{fits}

Where no size is asked for, before and after plain GRPO (nothing pays for length); the last column is how much more
accurate the model is in its best number of steps than in those that it chose:

{choices}

Made by `{command}`.
"""


def cells_of(measured: Measured) -> list[tuple[int, Cell]]:
    """Step size and cell, as measured."""
    return [
        (row["size"], Cell(row["operators"], row["steps"], row["right"], row["n"], row["guess"]))
        for row in measured["cells"]
    ]


def curve(measured: Measured, operators: int) -> dict[int, Cell]:
    """A difficulty's cells by step size, the smallest and so the most steps first."""
    return {size: cell for size, cell in cells_of(measured) if cell.operators == operators}


def best(measured: Measured, operators: int) -> tuple[int, Cell]:
    """The step size with the highest accuracy at a difficulty; of equal ones the largest."""
    return max(curve(measured, operators).items(), key=lambda pair: (pair[1].right, pair[0]))


def leads(measured: Measured, operators: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """By how much the best step size is more accurate than the most steps and than the fewest; with standard errors."""
    _, top = best(measured, operators)
    cells = list(curve(measured, operators).values())
    most, fewest = cells[0], cells[-1]
    return (_less(top, most), _less(top, fewest))


def _less(one: Cell, other: Cell) -> tuple[float, float]:
    variance = sum(cell.accuracy * (1 - cell.accuracy) / cell.n for cell in (one, other))
    return one.accuracy - other.accuracy, float(variance**0.5)


def is_bent(measured: Measured, operators: int) -> bool:
    """Whether accuracy by steps is an inverted U: its top is over both of its ends by three standard errors."""
    return all(lead > 3 * error > 0 for lead, error in leads(measured, operators))


def label(measured: Measured) -> str:
    return f"{measured['depth']} layers, {measured['updates']} updates" + ("" if measured["slip"] else ", no slips")


def share(habits: Sequence[Mapping[str, Any]], size: int) -> float:
    """The share of answers, over all difficulties, whose first step is of that size."""
    counts = [habit["sizes"] for habit in habits]
    total = sum(sum(count.values()) for count in counts)
    return sum(int(count.get(str(size), count.get(size, 0))) for count in counts) / total if total else 0.0


def lost(measured: Measured, operators: int) -> float:
    """How much more accurate a model's best size is, where asked for, than those it takes by itself; nan for none."""
    habit = next(habit for habit in measured["habits"] if habit["operators"] == operators)
    _, top = best(measured, operators)
    sizes = curve(measured, operators)
    shares = {size: share([habit], size) for size in sizes}
    total = sum(shares.values())
    return sum(shares[size] * (top.accuracy - sizes[size].accuracy) / total for size in sizes) if total else math.nan


def start(results: Measured) -> Measured:
    """The model that RL starts from."""
    found: Measured = next(model for model in results["models"] if model["updates"] == results["start"])
    return found


# Figure ----------------------------------------------------------------------------------------


def figure(results: Measured) -> Figure:
    """A row for each depth: accuracy by number of steps, with the fit. Beside them RL's choice, and no slips."""
    depths = sorted({model["depth"] for model in results["models"]})
    columns = len(results["models"]) // len(depths) + 1
    drawn, axes = plt.subplots(len(depths), columns, figsize=(3.7 * columns, 3.2 * len(depths)), squeeze=False)
    for row, depth in zip(axes, depths, strict=True):
        models = [model for model in results["models"] if model["depth"] == depth]
        for place, measured in zip(row, models, strict=False):
            _draw_accuracy(place, measured)
    last, *others = axes[:, -1]
    _draw_choices(last, start(results), results["rl"])
    for place, measured in zip(others, [results["exact"]], strict=False):
        _draw_accuracy(place, measured)
    axes[0][0].legend(fontsize=7)
    last.legend(fontsize=7)
    return drawn


def _draw_accuracy(axes: Axes, measured: Measured) -> None:
    fitted = likeliest([cell for _, cell in cells_of(measured)])
    for color, operators in zip(COLORS, OPERATORS, strict=False):
        cells = list(curve(measured, operators).values())
        steps = [cell.steps for cell in cells]
        errors = [1.96 * (cell.accuracy * (1 - cell.accuracy) / cell.n) ** 0.5 for cell in cells]
        axes.errorbar(steps, [c.accuracy for c in cells], errors, fmt="o", ms=4, color=color, label=f"T = {operators}")
        line = np.linspace(1, operators, 200)
        ideal = [
            float(predict(operators, n, fitted.scale, fitted.planning, fitted.capability, fitted.power)) for n in line
        ]
        axes.plot(line, [cells[0].guess + (1 - cells[0].guess) * a for a in ideal], color=color, lw=1)
    axes.set_xticks(sorted({cell.steps for _, cell in cells_of(measured)}))
    axes.set(title=label(measured), xlabel="steps asked for", ylabel="accuracy", ylim=(0, 1.02))


def _draw_choices(axes: Axes, before: Measured, runs: Sequence[Measured]) -> None:
    arms = [("before RL", before, GREY)]
    arms += [(f"after, seed {run['seed']}", run, COLORS[place]) for place, run in enumerate(runs)]
    width = 0.8 / len(arms)
    for place, (name, measured, color) in enumerate(arms):
        shares = [share(measured["habits"], size) for size in STEP_SIZES]
        axes.bar([x + place * width for x in range(len(STEP_SIZES))], shares, width, label=name, color=color)
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(STEP_SIZES))], [str(size) for size in STEP_SIZES])
    axes.set(xlabel="operators a step, by its own choice", ylabel="share of answers", ylim=(0, 1))
    axes.set_title(f"{label(before)}, then RL")


# Tables ----------------------------------------------------------------------------------------


def table(results: Measured) -> str:
    """Each model's accuracy by step size, and how far its best stands above both ends."""
    head = [
        "model",
        "T",
        *(f"t = {size}" for size in STEP_SIZES),
        "best N",
        "over most steps",
        "over fewest",
        "inverted U",
    ]
    rows = []
    for measured in (*results["models"], results["exact"]):
        for operators in OPERATORS:
            found = curve(measured, operators)
            shown = [f"{100 * found[size].accuracy:.1f}" if size in found else "" for size in STEP_SIZES]
            apart = [
                f"{100 * lead:+.1f} ± {100 * error:.1f}" if lead else "it is"
                for lead, error in leads(measured, operators)
            ]
            bent = "yes" if is_bent(measured, operators) else "no"
            rows.append([label(measured), operators, *shown, best(measured, operators)[1].steps, *apart, bent])
    return _table(head, rows)


def fits(results: Measured) -> str:
    """The fitted parameters of each model, with the paper's k and with the likeliest, and the optimum of each."""
    head = ["model", "k", "a", "C (operators)", "M (operators a step)", "log-likelihood"]
    head += [f"N* at T = {operators}" for operators in OPERATORS]
    rows = []
    for measured in results["models"]:
        cells = [cell for _, cell in cells_of(measured)]
        for found in (fit(cells), likeliest(cells)):
            parameters = [f"{found.power:g}", f"{found.scale:.3f}", f"{found.planning:.0f}", f"{found.capability:.1f}"]
            optima = [f"{found.best_steps(operators):.1f}" for operators in OPERATORS]
            rows.append([label(measured), *parameters, f"{found.log_likelihood:.0f}", *optima])
    return _table(head, rows)


def choices(results: Measured) -> str:
    """What a model does by itself before RL and after it, and what its choice costs against its best."""
    head = ["model", "T", "best N if asked", *(f"share of t = {size}" for size in STEP_SIZES)]
    head += ["mean N", "accuracy", "lost to the choice"]
    rows = []
    for name, measured in [("before", start(results)), *((f"RL, seed {run['seed']}", run) for run in results["rl"])]:
        for operators, habit in zip(OPERATORS, measured["habits"], strict=True):
            found = curve(measured, operators)
            shares = [f"{share([habit], size):.2f}" if size in found else "" for size in STEP_SIZES]
            own = [f"{habit['steps']:.1f}", f"{100 * habit['accuracy']:.1f}", f"{100 * lost(measured, operators):.1f}"]
            rows.append([name, operators, best(measured, operators)[1].steps, *shares, *own])
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(entry) for entry in line) + " |" for line in lines)


def write_report(results: Measured, folder: Path) -> None:
    """results.json, REPORT.md and figure.png."""
    require_same_kind(folder / "REPORT.md", TEXT.partition("\n")[0])
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
    with plt.rc_context(STYLE):
        drawn = figure(results)
        drawn.savefig(folder / "figure.png", dpi=130)
        plt.close(drawn)
    text = slips = results["models"][0]["slip"]
    text = TEXT.format(**results, one_in=1 / slips, table=table(results), fits=fits(results), choices=choices(results))
    write_text(folder / "REPORT.md", text)
