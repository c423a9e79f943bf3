"""The dial of a comparison: what each budget of thinking gives and costs, a curve a model."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rl.evaluation.figures.forced import curve_numbers
from rl.report.page.charts import Figure, Panel, Series
from rl.report.runs import Comparison, Model

HEAD = (
    *("model", "budget", "accuracy", "accuracy_low", "accuracy_high", "tokens", "tokens_low", "tokens_high"),
    *("thinking", "answer", "tokens_per_correct", "forced", "unfinished"),
)
Numbers = Mapping[str, Any]


def dial(comparison: Comparison) -> Figure:
    """Accuracy and tokens against the budget at which thinking was closed; no panels where none was."""
    found = points(comparison)
    budgets = sorted({budget for _, own in found for budget in own})
    panels = []
    if found:
        sides: list[tuple[str, float, Callable[[Numbers], Numbers]]] = [
            ("accuracy (%)", 100, lambda point: point["accuracy"]),
            ("mean tokens, thinking and answer", 1, lambda point: point["tokens"]["all"]),
        ]
        panels = [
            Panel("", label, [_curve(model, place, own, factor, side) for place, (model, own) in enumerate(found)])
            for label, factor, side in sides
        ]
    return Figure(
        "results",
        "dial",
        "The dial: what a budget gives and costs",
        "Thinking was closed at each of these budgets and an answer forced, as a server with a thinking budget does "
        "it. A curve that rises early does more with little; where it is flat, more budget buys nothing. Bars are 95 % "
        "bootstrap intervals over problems.",
        "budget of thinking (tokens)",
        panels,
        ticks=[float(budget) for budget in budgets],
        tick_names=[_tick(budget, [model for model, _ in found]) for budget in budgets],
        log_x=True,
    )


def points(comparison: Comparison) -> list[tuple[Model, dict[int, Numbers]]]:
    """The numbers at each budget of every model whose thinking was closed by force."""
    models = [model for model in comparison.models if model.points]
    return [(m, {budget: curve_numbers(point) for budget, point in sorted(m.points.items())}) for m in models]


def table(comparison: Comparison) -> str:
    """The same as a CSV file, a line a model and budget; fractions and tokens."""
    said = io.StringIO()
    lines = csv.writer(said, lineterminator="\n")
    lines.writerow(HEAD)
    for model, own in points(comparison):
        for budget, point in own.items():
            tokens = point["tokens"]
            lines.writerow(
                [
                    *(model.label, budget, *_three(point["accuracy"]), *_three(tokens["all"])),
                    *(tokens["thinking"]["mean"], tokens["answer"]["mean"], point["tokens_per_correct"]["mean"]),
                    *(point["forced"], point["unfinished"]),
                ]
            )
    return said.getvalue()


def _tick(budget: int, models: Sequence[Model]) -> str:
    """A budget, and what some model's evaluation calls it."""
    protocols = [model.points[budget].protocol for model in models if budget in model.points]
    forced = [protocol.forced for protocol in protocols if protocol and protocol.forced]
    names = dict.fromkeys(name for name in (one.effort(budget) for one in forced) if name)
    return f"{budget} {'/'.join(names)}".strip()


def _three(estimate: Numbers) -> list[float | None]:
    return [estimate["mean"], estimate["low"], estimate["high"]]


def _curve(
    model: Model, place: int, own: Mapping[int, Numbers], factor: float, side: Callable[[Numbers], Numbers]
) -> Series:
    known = [(budget, side(point)) for budget, point in own.items() if side(point)["mean"] is not None]
    return Series(
        model.label,
        model.run,
        [float(budget) for budget, _ in known],
        [factor * estimate["mean"] for _, estimate in known],
        "joined",
        y_intervals=[(factor * estimate["low"], factor * estimate["high"]) for _, estimate in known],
        dash=place % 4,
        mark=place,
    )
