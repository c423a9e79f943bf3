"""An evaluation for a terminal: a row a cap, the protocol below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from rl.evaluation import Protocol
from rl.terminal import console

Numbers = Mapping[str, Any]


def print_evaluation(numbers: Numbers, protocol: Protocol) -> None:
    """What `rl.evaluation.figures.summary.numbers` gave, in short."""
    caps: Mapping[str, Numbers] = numbers["caps"]
    _print(
        numbers["model"],
        ("cap", "accuracy", "mean tokens", "median", "p95", "cut"),
        [(cap, *_scores(found)) for cap, found in caps.items()],
        "" if protocol.samples > 1 else _caption(protocol),
    )
    if protocol.samples > 1:
        heads = ("cap", f"pass@{protocol.samples}", "majority", "shortest majority", "length-filtered")
        _print("", heads, [(cap, *_votes(found, protocol)) for cap, found in caps.items()], _caption(protocol))


def _print(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> None:
    table = Table(title=title or None, caption=caption or None)
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*row)
    console().print(table)


def _caption(protocol: Protocol) -> str:
    return f"{protocol.line()}; 95 % bootstrap intervals over problems"


def _scores(found: Numbers) -> tuple[str, ...]:
    every = found["tokens"]["all"]
    return (
        _interval(found["accuracy"], 100, "%"),
        _interval(found["mean_tokens"], 1, ""),
        f"{every['median']:.0f}",
        f"{every['p95']:.0f}",
        f"{found['truncated']:.1%}",
    )


def _votes(found: Numbers, protocol: Protocol) -> tuple[str, ...]:
    values = (
        found["pass_at"].get(str(protocol.samples)),
        *(found[vote] for vote in ("majority", "shortest_majority", "length_filtered")),
    )
    return tuple("" if value is None else f"{value:.1%}" for value in values)


def _interval(estimate: Mapping[str, float | None], factor: float, unit: str) -> str:
    mean, low, high = (estimate[key] for key in ("mean", "low", "high"))
    if mean is None or low is None or high is None:
        return "none judged"
    return f"{factor * mean:.1f}{unit} [{factor * low:.1f}, {factor * high:.1f}]"
