"""An evaluation for a terminal: a row a cap, the protocol below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from rl.evaluation import Protocol
from rl.evaluation.suite import MEANS
from rl.terminal import console

Numbers = Mapping[str, Any]


def print_evaluation(numbers: Numbers, protocol: Protocol) -> None:
    """What `rl.evaluation.figures.summary.numbers` gave, in short."""
    caps: Mapping[str, Numbers] = numbers["caps"]
    model, samples = numbers["model"], protocol.samples
    tables = [_table(model, ("cap", "accuracy", "mean tokens", "median", "p95", "cut"), caps, _scores)]
    if samples > 1:
        heads = ("cap", f"pass@{samples}", "majority", "shortest majority", "length-filtered")
        tables.append(_table("", heads, caps, lambda found: _votes(found, samples)))
    if numbers["forced"]:
        named = ("closed at", "accuracy", "mean tokens", "thinking", "answer", "closed", "cut")
        tables.append(_table("", named, numbers["forced"]["budgets"], _forced))
        stated = numbers["forced"].get("stated")
        if stated:
            correlation = stated["rank_correlation"]
            told = "" if correlation is None else f"rank correlation of stated and used tokens: {correlation:.2f}"
            heads = ("stated", "thinking", "error", "over it", "within 10%")
            tables.append(_table(told, heads, stated["budgets"], _stated))
    tables[-1].caption = f"{protocol.line()}; 95 % bootstrap intervals over problems"
    for table in tables:
        console().print(table)


def print_suite(found: Numbers) -> None:
    """What `rl.evaluation.suite.suite_numbers` gave: a row a set and one of their means, by cap accuracy and tokens.

    A set is called as the file of its answers is.
    """
    rows = {Path(name).stem: one["caps"] for name, one in found["sets"].items()}
    points = {
        name: {cap: [caps[cap][key]["mean"] for key in MEANS] for cap in found["mean"]} for name, caps in rows.items()
    }
    points["mean of sets"] = {cap: [means[key] for key in MEANS] for cap, means in found["mean"].items()}
    table = _table(found["model"], ("set", *(f"at {cap}" for cap in found["mean"])), points, _accuracies)
    table.caption = "accuracy and mean tokens, answers cut at so many tokens"
    console().print(table)


def _accuracies(by_cap: Mapping[str, Sequence[float | None]]) -> list[str]:
    """Of each cap one cell, in columns: 100.0% and five digits fit four times beside a name into 80 columns."""
    return [
        ("–" if accuracy is None else f"{accuracy:6.1%}") + (" –" if tokens is None else f" {tokens:6.0f}")
        for accuracy, tokens in by_cap.values()
    ]


def print_votes(found: Numbers, name: str) -> None:
    """What `rl.report.logged.vote_numbers` gave."""
    samples = found["samples"]
    heads = ("log", "accuracy", "mean tokens", f"pass@{samples}", "majority", "shortest majority", "length-filtered")
    cells = (_interval(found["accuracy"], 100, "%"), _interval(found["mean_tokens"], 1, ""), *_votes(found, samples))
    table = _table("", heads, {name: found}, lambda _: cells)
    table.caption = f"{found['n']} problems; 95 % bootstrap intervals over problems"
    console().print(table)


def _table(
    title: str, heads: Sequence[str], lines: Mapping[str, Numbers], cells: Callable[[Numbers], Sequence[str]]
) -> Table:
    """A row for each of `lines`, its name first."""
    table = Table(title=title or None, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for head in heads:
        table.add_column(head)
    for name, found in lines.items():
        table.add_row(name, *cells(found))
    return table


def _scores(found: Numbers) -> tuple[str, ...]:
    every = found["tokens"]["all"]
    return (
        _interval(found["accuracy"], 100, "%"),
        _interval(found["mean_tokens"], 1, ""),
        f"{every['median']:.0f}",
        f"{every['p95']:.0f}",
        f"{found['truncated']:.1%}",
    )


def _forced(found: Numbers) -> tuple[str, ...]:
    tokens = found["tokens"]
    return (
        _interval(found["accuracy"], 100, "%"),
        f"{tokens['all']['mean']:.1f}",
        f"{tokens['thinking']['mean']:.1f}",
        f"{tokens['answer']['mean']:.1f}",
        f"{found['forced']:.1%}",
        f"{found['unfinished']:.1%}",
    )


def _stated(found: Numbers) -> tuple[str, ...]:
    return (
        _interval(found["thinking"], 1, ""),
        _interval(found["error"], 100, "%"),
        f"{found['overshoot']['mean']:.1f}",
        f"{found['within_10']:.1%}",
    )


def _votes(found: Numbers, samples: int) -> tuple[str, ...]:
    values = (
        found["pass_at"].get(str(samples)),
        *(found[vote] for vote in ("majority", "shortest_majority", "length_filtered")),
    )
    return tuple("" if value is None else f"{value:.1%}" for value in values)


def _interval(estimate: Mapping[str, float | None], factor: float, unit: str) -> str:
    mean, low, high = (estimate[key] for key in ("mean", "low", "high"))
    if mean is None or low is None or high is None:
        return "none judged"
    return f"{factor * mean:.1f}{unit} [{factor * low:.1f}, {factor * high:.1f}]"
