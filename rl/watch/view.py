"""A run's state as one screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rl.terminal import console
from rl.watch.spark import sparkline
from rl.watch.state import State

NAMES, FIGURES = 24, 14
"""Columns of the names and of the latest figures."""
COLOURS = {"training": "green", "finished": "cyan", "stopped": "yellow"}
QUIET = 10
"""A run is called silent once it has written nothing for this many steps' time."""


@dataclass(frozen=True)
class Row:
    """A line of the table: the latest figure, and how it came there."""

    name: str
    values: Sequence[float | None]
    form: str = "{:.0f}"
    low: float | None = None
    high: float | None = None

    @property
    def figure(self) -> str:
        known = [value for value in self.values if value is not None and math.isfinite(value)]
        return self.form.format(known[-1]) if known else ""


def frame(state: State, width: int, height: int | None = None) -> RenderableType:
    """All that fits: `height` lines, or as many as it takes."""
    head = [_title(state), *_progress(state, width)]
    tail = [*_alarms(state), *_summary(state)]
    rows = [row for row in rows_of(state) if row.figure]
    if height is not None:
        rows = rows[: max(1, height - 3 - sum(_lines(part, width - 4) for part in (*head, *tail)))]
    table = Table.grid(padding=(0, 1))
    table.add_column(width=NAMES, style="bold", no_wrap=True)
    table.add_column(width=FIGURES, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    room = max(8, width - NAMES - FIGURES - 8)
    for row in rows:
        table.add_row(row.name, row.figure, Text(sparkline(row.values, room, row.low, row.high), style="cyan"))
    if not rows:
        table.add_row("nothing is logged yet", "", "")
    return Panel(Group(*head, Text(), table, *tail), border_style=COLOURS[state.status], title_align="left")


def rows_of(state: State) -> Iterator[Row]:
    """What is shown of the metrics, the most telling first."""
    lengths = [getattr(each, part) for each in state.rounds for part in ("high", "budget")]
    top = max((value for value in lengths if math.isfinite(value)), default=None)
    names = {"budget": "budget", "mean": "mean length", "median": "median", "high": "95th percentile"}
    for part, name in names.items():
        yield Row(name, [getattr(each, part) for each in state.rounds], "{:.0f} tokens", 0.0, top)
    yield Row("accuracy", state.series("accuracy"), "{:.1%}", 0.0, 1.0)
    yield Row("truncated", state.series("length/truncated"), "{:.1%}", 0.0, 1.0)
    parts = {"thinking": "{:.0f} tokens", "forced": "{:.1f} tokens", "closed": "{:.1%}", "edited": "{:.1%}"}
    for part, form in parts.items():
        values = state.series(f"length/{part}")
        yield Row(part, values if any(values) else [], form, 0.0)
    yield Row("groups that vary", state.series("sampling/kept"), "{:.1%}", 0.0, 1.0)
    yield Row("reward", state.series("reward"), "{:.3f}")
    rewards = list(dict.fromkeys(name for each in state.rounds for name in each.rewards))
    for name in rewards if len(rewards) > 1 else ():
        yield Row(f"  {name}", [each.rewards.get(name) for each in state.rounds], "{:.3f}")
    yield Row("entropy", state.series("entropy"), "{:.3f} nats")
    yield Row("loss", state.series("loss"), "{:.4f}")
    yield Row("gradient norm", state.series("grad_norm"), "{:.3f}")
    yield Row("clipped", state.series("clip_ratio/region_mean"), "{:.2%}")
    yield Row("unparsable", state.series("verifier/unparsable"), "{:.1%}", 0.0, 1.0)
    yield Row("seconds a step", state.series("step_time"), "{:.2f} s")
    yield Row("workers", state.series("rollouts/workers"), "{:.0f}", 0.0)
    yield Row("worker failures", state.series("rollouts/worker_failures"), "{:.0f}")
    yield Row("staleness", state.series("rollouts/staleness"), "{:.2f} rounds")


def _lines(part: RenderableType, width: int) -> int:
    """What a part takes, wrapped to so many columns."""
    return len(part.wrap(console(width=width), width)) if isinstance(part, Text) else 1


def _title(state: State) -> Text:
    text = Text.assemble((state.name, "bold"), f"  {state.path}  ", (describe(state), COLOURS[state.status]))
    if state.stage:
        text.append(f"  stage {state.stage}")
    return text


def describe(state: State) -> str:
    """How the run is, in words."""
    if state.status == "finished":
        return "finished"
    if state.status == "stopped":
        return "nobody trains it; the same command goes on" if state.step else "nobody trains it"
    doing = "is evaluated" if state.evaluating else "trains" if state.metrics else "begins"
    text = f"{doing} ({state.holder})"
    silent, pace = state.silent or 0.0, state.seconds_per_step
    if pace is not None and silent > max(60.0, QUIET * pace) and not state.evaluating:
        text += f", silent for {duration(silent)}"
    return text


def _progress(state: State, width: int) -> list[RenderableType]:
    facts = [f"step {state.step}" + (f" of {state.steps}" if state.steps else "")]
    if state.status == "training" and state.seconds_left is not None:
        facts.append(f"{duration(state.seconds_left)} left")
    if (pace := state.seconds_per_step) is not None:
        facts.append(f"{pace:.2f} s a step")
    if (rate := state.tokens_per_second) is not None:
        facts.append(f"{rate:,.0f} tokens/s")
    facts.append("no checkpoint" if state.checkpoint is None else f"checkpoint {state.checkpoint}")
    if not state.steps:
        return [Text(" · ".join(facts))]
    bar = Table.grid()
    bar.add_row(ProgressBar(total=state.steps, completed=state.step, width=max(10, width - 6)))
    return [bar, Text(" · ".join(facts))]


def _alarms(state: State) -> list[Text]:
    return [Text(f"! {line}", style="yellow") for line in state.alarms]


def _summary(state: State) -> list[Text]:
    if state.summary is None:
        return []
    lines = []
    for when in ("before", "after"):
        figures = state.summary.get(when)
        if figures:
            lines.append(
                Text(
                    f"{when:<7} {figures['accuracy']:6.1%} right in {figures['mean_tokens']:7.1f} tokens "
                    f"({figures['truncated']:.1%} truncated, {figures['n']} problems)",
                    style="bold",
                )
            )
    return [Text(), *lines] if lines else []


def duration(seconds: float) -> str:
    """In at most two units."""
    whole = round(seconds)
    for unit, size, below in (("d", 86400, "h"), ("h", 3600, "min"), ("min", 60, "s")):
        if whole >= size:
            rest = whole % size // {"h": 3600, "min": 60, "s": 1}[below]
            return f"{whole // size} {unit} {rest} {below}"
    return f"{whole} s"
