"""A chart as data: what the page draws in the browser and `plots` draws with matplotlib, from the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Interval = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """Points of one colour. `run` is the place of the run it belongs to; None is grey and cannot be hidden."""

    label: str
    run: int | None
    x: list[float]
    y: list[float]
    kind: Literal["line", "steps", "joined", "quoted"] = "line"
    """`steps` hold their value until the next point; `joined` are points with a thin line; `quoted` stand in papers."""
    faint: list[float] = field(default_factory=list)
    """The values beneath a smoothed line."""
    x_intervals: list[Interval] = field(default_factory=list)
    y_intervals: list[Interval] = field(default_factory=list)
    dash: int = 0
    """0 solid, 1 dashed, 2 dotted, 3 dash-dotted."""
    mark: int | None = None
    """Which mark its points have; by default the one of its run."""
    notes: list[str] = field(default_factory=list)
    """What a point says of itself, a line each."""
    small: list[bool] = field(default_factory=list)
    """Points on the way, drawn smaller."""
    ringed: list[bool] = field(default_factory=list)
    """Points that are marked."""


def told_apart(series: Sequence[Series]) -> list[Series]:
    """The same with a dash for each run, to tell them apart by more than hue; dashes that say something else stay."""
    if any(one.dash for one in series if one.run is not None):
        return list(series)
    return [one if one.run is None else replace(one, dash=(one.run + one.run // 8) % 4) for one in series]


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    y_label: str
    series: list[Series]
    y_from_zero: bool = True
    shared: bool = False
    """Has its y axis in common with the figure's other shared panels."""


@dataclass(frozen=True)
class Figure:
    """Panels over one kind of x. `says` tells a stranger in a sentence or two what is to be seen."""

    part: Literal["results", "held-out", "training"]
    name: str
    title: str
    says: str
    x_label: str
    panels: list[Panel]
    categories: list[str] = field(default_factory=list)
    """Names of x = 0, 1, …, where x is no number."""
    caveat: str = ""
    """What nobody may overlook, also on the picture for papers."""
    ticks: list[float] = field(default_factory=list)
    """Where the x axis is marked, if not at round numbers."""
    tick_names: list[str] = field(default_factory=list)
    """What is written there, if not the numbers."""
    log_x: bool = False
    x_from_zero: bool = False
