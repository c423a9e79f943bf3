"""An audit on the terminal: a row a method, the shortest pull first."""

from __future__ import annotations

import math

from rich.table import Table

from rl.audit.audit import Audit, Audited
from rl.audit.measures import FIGURES
from rl.statistics import Estimate
from rl.terminal import console, say

SHOWN = ("signal", "silenced", "right_down", "wrong_up", "inverted", "pull", "pull_right", "pull_wrong", "right_cut")
"""What fits a terminal; the page and the file have all figures."""
UNITS = {figure.name: figure.unit for figure in FIGURES}


def print_audit(audit: Audit) -> None:
    """The table, what its columns mean, and which methods could not be audited."""
    own = [figure for figure in FIGURES if figure.name in SHOWN]
    table = Table("method", *(figure.head for figure in own), "short wrong pays", box=None, pad_edge=False)
    for one in audit.audited:
        table.add_row(one.method.name, *(cell(one.values[f.name], f.unit, f.name == "pull") for f in own), pays(one))
    console().print(table)
    say(
        f"{audit.rollouts:,} rollouts in {audit.groups:,} groups, {audit.accuracy:.0%} right, {audit.tokens:.0f} tokens"
    )
    for figure in own:
        say(f"  {figure.head}: {figure.says}")
    for name, why in audit.refused.items():
        say(f"not auditable: {name}: {why}")


def cell(estimate: Estimate, unit: str, interval: bool = True) -> str:
    """`12% [10, 14]`, or tokens; a dash where there is nothing to tell."""
    if math.isnan(estimate.mean):
        return "–"
    factor, sign = (100.0, "%") if unit == "%" else (1.0, "")
    mean, low, high = (_plain(factor * value) for value in (estimate.mean, estimate.low, estimate.high))
    return f"{mean}{sign} [{low}, {high}]" if interval else f"{mean}{sign}"


def _plain(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 or value == 0 else f"{value:.1f}"


def pays(one: Audited) -> str:
    """From which weight on it prefers short and wrong to long and right."""
    return one.crossing.told() if one.crossing else "–"
