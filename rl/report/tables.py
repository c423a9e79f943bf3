"""The models of a comparison as a table, for a terminal and for a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from rl.evaluation import Evaluation
from rl.evaluation.figures.curve import Values, efficiency, frontier_of, regret
from rl.evaluation.figures.forced import accuracies, curve_numbers
from rl.evaluation.rows import means
from rl.report.answers import accuracy_difference, tokens_where
from rl.report.runs import Comparison, Model
from rl.statistics import Estimate, finite
from rl.terminal import console, folded, say

HEADINGS = (
    *("model", "step", "accuracy", "Δ ± s.e.", "tokens", "change", "right / wrong", "cut", "on the front"),
    "hypervolume",
)
FOR_THE_PAGE = ("step", "right / wrong", "hypervolume")
"""Columns that a terminal is too narrow for."""


def table_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One row a model, cells as text; means with their 95 % intervals, differences against the model before."""
    rows: list[tuple[str, ...]] = []
    for i, (model, share) in enumerate(zip(comparison.models, comparison.resampled.on_front, strict=True)):
        answers, base = model.answers, base_of(model, comparison)
        rows.append(
            (
                model.label,
                str(model.step),
                _interval(answers.accuracy, 100, "%"),
                "" if base is answers else _difference(base, answers),
                _interval(answers.tokens, 1, ""),
                "" if base is answers else f"{answers.tokens.mean / base.tokens.mean - 1:+.0%}",
                f"{_text(tokens_where(answers, 1), 0)} / {_text(tokens_where(answers, 0), 0)}",
                f"{answers.truncated.mean:.1%}",
                f"{'yes' if i in comparison.front else 'no'}, {_text(100 * share, 0)}%",
                _volume(model, comparison),
            )
        )
    return rows


def base_of(model: Model, comparison: Comparison) -> Evaluation:
    """What a model is measured against: its run before training, or else the first model of all."""
    own = comparison.runs[model.run].before if model.run is not None else model.answers
    return own or comparison.models[0].answers


def _volume(model: Model, comparison: Comparison) -> str:
    """The hypervolume of a run, beside the end of it."""
    if model.run is None or model.answers is not comparison.runs[model.run].after:
        return ""
    return _interval(comparison.resampled.volumes[model.run], 100, "%")


def _difference(before: Evaluation, after: Evaluation) -> str:
    mean, error = accuracy_difference(before, after)
    return f"{100 * mean:+.1f} ± {100 * error:.1f}"


def _interval(estimate: Estimate, factor: float, unit: str) -> str:
    mean, low, high = (_text(factor * value, 1) for value in (estimate.mean, estimate.low, estimate.high))
    return f"{mean}{unit} [{low}, {high}]"


def _text(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def print_table(comparison: Comparison, title: str) -> None:
    """The table on the terminal, without what is only for the page."""
    shown = [place for place, heading in enumerate(HEADINGS) if heading not in FOR_THE_PAGE]
    caption = f"{comparison.protocol_line}; 95 % bootstrap intervals over problems"
    table = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for place in shown:
        table.add_column(HEADINGS[place])
    for row in table_rows(comparison):
        table.add_row(*(row[place] for place in shown))
    console().print(table)
    volumes = zip(comparison.runs, comparison.resampled.volumes, strict=True)
    if told := ", ".join(f"{run.label} {_interval(volume, 100, '%')}" for run, volume in volumes):
        say(folded(f"hypervolume to {comparison.reference:g} tokens at 0%: {told}", 2))


def numbers(comparison: Comparison) -> dict[str, Any]:
    """What `summary.json` holds: every model's figures, the front, the hypervolumes and by what protocol."""
    curves = [(budgets, accuracy) for accuracy, budgets in map(_curve, comparison.models) if budgets]
    best = frontier_of(curves) if comparison.frontier is None else comparison.frontier
    return {
        "schema": 1,
        "protocol": comparison.protocol.to_dict(),
        "warnings": comparison.warnings,
        "frontier": {str(budget): accuracy for budget, accuracy in best.items()},
        "models": [
            {
                "label": model.label,
                "run": None if model.run is None else comparison.runs[model.run].label,
                "step": model.step,
                **model.answers.summary(),
                "efficiency": _efficiency(model.answers, base_of(model, comparison)),
                "forced": forced_points(model),
                "regret": _regret(model, best),
                "on_front": i in comparison.front,
                "on_front_share": share,
            }
            for i, (model, share) in enumerate(zip(comparison.models, comparison.resampled.on_front, strict=True))
        ],
        "hypervolume": {
            "reference": {"tokens": comparison.reference, "accuracy": 0.0},
            "runs": {
                run.label: {"mean": volume.mean, "interval": [volume.low, volume.high]}
                for run, volume in zip(comparison.runs, comparison.resampled.volumes, strict=True)
            },
        },
    }


def _curve(model: Model) -> tuple[Values, list[int]]:
    return accuracies(model.points) if model.points else (np.empty((0, 0)), [])


def _regret(model: Model, best: Mapping[int, float]) -> dict[str, float | None] | None:
    """REG against the frontier at each of a model's budgets; None where it has none."""
    accuracy, budgets = _curve(model)
    return finite(regret(accuracy, budgets, best)) if budgets else None


def _efficiency(answers: Evaluation, base: Evaluation) -> dict[str, float | None] | None:
    """AES against what a model is measured against, over the problems that both have judged; None for that itself."""
    if answers is base:
        return None
    right = [means(each.judged(), lambda row: row["correct"]) for each in (answers, base)]
    tokens = [means(each.rows, lambda row: row["length"]) for each in (answers, base)]
    shared = [problem for problem in right[0] if problem in right[1]]
    columns = [[values[problem] for problem in shared] for pair in zip(right, tokens, strict=True) for values in pair]
    return finite(efficiency(*columns))


def forced_points(model: Model) -> dict[str, Any]:
    """By budget, what a model's thinking closed by force gives and costs, and by which protocol it was."""
    return {
        str(budget): {
            "protocol": point.protocol.to_dict() if point.protocol else None,
            **curve_numbers(point),
        }
        for budget, point in model.points.items()
    }
