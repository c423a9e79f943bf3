"""An audit on the terminal: a row a method, the shortest pull first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.cells import cell_len
from rich.table import Table

from rl.audit.audit import Audit, Audited
from rl.audit.measures import FIGURES, Figure
from rl.statistics import Estimate
from rl.terminal import console, folded, say

SHOWN = ("pull", "pull_right", "pull_wrong", "right_down", "wrong_up", "inverted", "signal", "silenced", "right_cut")
"""From the left, as many as fit the terminal; the page and the file have all figures."""
PAYS = "short wrong pays"
GAP = 2
"""Characters between columns."""
Column = tuple[str, str, list[str]]
"""A heading, what it means, and a cell a method."""


def print_audit(audit: Audit) -> None:
    """The table, what its columns mean, and which methods could not be audited."""
    terminal = console()
    by_name = {figure.name: figure for figure in FIGURES}
    columns = [(by_name[name].head, by_name[name].says, _column(audit, by_name[name])) for name in SHOWN]
    columns.append((PAYS, "from which weight of length on it prefers short and wrong", list(map(pays, audit.audited))))
    names = [one.method.name for one in audit.audited]
    while len(columns) > 1 and _width(names, columns) > terminal.width:
        columns.pop()
    terminal.print(_table(names, columns))
    say(
        f"{audit.rollouts:,} rollouts in {audit.groups:,} groups, {audit.accuracy:.0%} right, {audit.tokens:.0f} tokens"
    )
    for head, says, _ in columns:
        say(folded(f"  {head}: {says}", 4))
    if len(columns) <= len(SHOWN):
        say("  more columns fit a wider terminal; --out and --json have every figure")
    for name, why in audit.refused.items():
        say(folded(f"not auditable: {name}: {why}", 4))


def _column(audit: Audit, figure: Figure) -> list[str]:
    return [cell(one.values[figure.name], figure.unit, figure.name == "pull") for one in audit.audited]


def _width(names: Sequence[str], columns: Sequence[Column]) -> int:
    """Of the table, in characters."""
    shown = [["method", *names], *([head, *cells] for head, _, cells in columns)]
    return sum(max(map(cell_len, texts)) + GAP for texts in shown) - GAP


def _table(names: Sequence[str], columns: Sequence[Column]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for head in ("method", *(head for head, _, _ in columns)):
        table.add_column(head, no_wrap=True)
    for cells in zip(names, *(cells for _, _, cells in columns), strict=True):
        table.add_row(*cells)
    return table


def cell(estimate: Estimate, unit: str, interval: bool = True) -> str:
    """`12% [10, 14]`, or tokens; a dash where there is nothing to tell."""
    if math.isnan(estimate.mean):
        return "–"
    factor, sign = (100.0, "%") if unit == "%" else (1.0, "")
    mean, low, high = (_plain(factor * value) for value in (estimate.mean, estimate.low, estimate.high))
    return f"{mean}{sign} [{low}, {high}]" if interval else f"{mean}{sign}"


def _plain(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else "0" if abs(value) < 0.05 else f"{value:.1f}"


def pays(one: Audited) -> str:
    """From which weight on it prefers short and wrong to long and right."""
    return one.crossing.told() if one.crossing else "–"
