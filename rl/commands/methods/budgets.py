"""`lengthwise budgets`: what budget schedules there are, and what one of them gives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.commands.methods.listing import list_plugins
from rl.commands.options import Json, Settings
from rl.commands.output import write_json
from rl.errors import UserError
from rl.terminal import say

LINES = 40
"""Lines that a schedule takes on the terminal at most; its file holds every step."""


def budgets(
    name: Annotated[str | None, typer.Argument(help="Evaluate this schedule; without it, list them all.")] = None,
    settings: Settings = None,
    steps: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="Optimiser steps to evaluate it over.")
    ] = None,
    accuracy: Annotated[float | None, typer.Option(help="The budget of a group with this accuracy, in [0, 1].")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the schedule into this PNG or SVG file.")] = None,
    json_file: Json = None,
) -> None:
    """List the budget schedules, or give one's budgets step by step."""
    from rl.elsewhere import offline
    from rl.plugins import load_budget

    if name is None or (steps is None and accuracy is None):
        if settings or plot or accuracy is not None or steps:
            raise UserError("name a schedule and give --steps or --accuracy, or only list them")
        list_plugins("budget", name, json_file)
        return
    steps = steps or 1
    schedule = load_budget(name, offline.parse_settings(settings or []), steps)
    values = offline.budgets(schedule, steps, accuracy)
    if plot:
        from rl.report.plots import draw_schedule

        draw_schedule(name, values, plot)
    if json_file:
        write_json(json_file, {"budgets": values})
    if accuracy is not None and len(set(values)) == 1:
        say(values[0])
        return
    say("steps          tokens")
    for first, last, tokens in offline.spans(values, LINES):
        say(f"{f'{first}-{last}' if last > first else first:<14} {tokens}")
