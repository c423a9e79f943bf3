"""An audit as one self-contained page: a chart a method, side by side, and every figure in a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from rl.audit.audit import Audit, Audited
from rl.audit.measures import DECILES, FIGURES
from rl.audit.shown import cell, pays
from rl.report.page.charts import Figure, Panel, Series
from rl.report.page.document import document


def render(audit: Audit, title: str) -> str:
    """The page as HTML."""
    figures = [by_length(audit)] if audit.audited else []
    return document(
        "rl.audit",
        "page.js",
        {"figures": list(map(asdict, figures))},
        title=title,
        audit=audit,
        figures=FIGURES,
        rows=[
            (one, [cell(one.values[figure.name], figure.unit) for figure in FIGURES], pays(one))
            for one in audit.audited
        ],
    )


def by_length(audit: Audit) -> Figure:
    """What each method does to short and long rollouts, in panels of one scale."""
    return Figure(
        "results",
        "advantages-by-length",
        "What each method does to short and long rollouts",
        "All rollouts in ten parts of equal number by length, the shortest first. Circles, solid: the mean advantage "
        "of right rollouts; triangles, dashed: of wrong ones; each a root mean square advantage of the method, so that "
        "charts compare. A line that falls to the right pushes tokens down; a wrong one above a right one pays for "
        "failing fast. Steps: the part's share of the gradient (a tenth each, were all alike).",
        "length (median tokens of each tenth)",
        [_panel(one) for one in audit.audited],
        categories=[_tokens(edge) for edge in audit.edges],
    )


def _panel(one: Audited) -> Panel:
    sides = [("right", "right rollouts", 0, 0, 0), ("wrong", "wrong rollouts", 1, 1, 2)]
    series = []
    for side, label, run, dash, mark in sides:
        known = [
            (d, one.values[f"{side} {d}"]) for d in range(DECILES) if not math.isnan(one.values[f"{side} {d}"].mean)
        ]
        xs, means = [float(d) for d, _ in known], [estimate.mean for _, estimate in known]
        spans = [(estimate.low, estimate.high) for _, estimate in known]
        series.append(Series(label, run, xs, means, "joined", y_intervals=spans, dash=dash, mark=mark))
    shares = [(float(d), one.values[f"mass {d}"].mean) for d in range(DECILES)]
    known_shares = [(d, share) for d, share in shares if not math.isnan(share)]
    series.append(Series("gradient", None, [d for d, _ in known_shares], [s for _, s in known_shares], "steps"))
    return Panel(one.method.name, "advantage", _with_points(series), y_from_zero=True, shared=True)


def _with_points(series: Sequence[Series]) -> list[Series]:
    """Without what has no point: nothing of it could be drawn."""
    return [one for one in series if one.x]


def _tokens(value: float) -> str:
    return "–" if math.isnan(value) else f"{value / 1000:.3g}k" if value >= 10_000 else f"{value:.0f}"
