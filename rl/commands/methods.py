"""The commands about methods, which need no model: `rewards`, `budgets`, `score`, `advantages`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rl.commands.listing import Kind
from rl.errors import UserError

Json = Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of it; repeatable.")]
RolloutFile = Annotated[Path, typer.Option("--rollouts", metavar="FILE.jsonl", help="Logged rollouts, one a line.")]


LINES = 40
"""Lines that a schedule takes on the terminal at most; its file holds every step."""


def rewards(
    name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None, json_file: Json = None
) -> None:
    """List the rewards: parameters, defaults, source."""
    list_plugins("reward", name, json_file)


def budgets(
    name: Annotated[str | None, typer.Argument(help="Evaluate this schedule; without it, list them all.")] = None,
    settings: Settings = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps to evaluate it over.")] = None,
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
        print(values[0])
        return
    print("steps          tokens")
    for first, last, tokens in offline.spans(values, LINES):
        print(f"{f'{first}-{last}' if last > first else first:<14} {tokens}")


def score(
    reward: Annotated[str, typer.Option(help="A reward's name, file.py:Name or module:Name.")],
    rollouts: RolloutFile,
    settings: Settings = None,
    history: Annotated[Path | None, typer.Option(help="What an earlier `score` wrote: go on from its history.")] = None,
    monitor: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Rollouts that set a reward's controller first.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Score logged rollouts with a reward: whole rewards, their terms, and the history afterwards."""
    from rl.elsewhere import offline
    from rl.elsewhere.rollout_files import read_rollouts
    from rl.plugins import load_reward

    plugin = load_reward(reward, offline.parse_settings(settings or []))
    result = offline.score(
        plugin,
        read_rollouts(rollouts),
        offline.read_history(history),
        read_rollouts(monitor) if monitor else None,
    )
    write_json(json_file, result)


def advantages(
    name: Annotated[str | None, typer.Argument(help="Show this estimator in full.")] = None,
    estimator: Annotated[
        str | None, typer.Option(help="Estimate with it: its name, file.py:name or module:name.")
    ] = None,
    rollouts: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Logged rewards of rollouts, one a line.")
    ] = None,
    settings: Settings = None,
    json_file: Json = None,
) -> None:
    """List the advantage estimators, or turn logged rewards into advantages.

    They are the `reward` of each line, or with gdpo its `rewards`.
    """
    from rl.elsewhere import offline

    if estimator is None and rollouts is None and not settings:
        list_plugins("advantage estimator", name, json_file)
        return
    if name is not None or estimator is None or rollouts is None:
        raise UserError("give --estimator NAME and --rollouts FILE.jsonl, or only list the estimators")
    values = offline.advantages(estimator, offline.parse_settings(settings or []), rollouts)
    write_json(json_file, {"advantages": values})


def list_plugins(kind: Kind, name: str | None, json_file: Path | None) -> None:
    """The plug-ins of a kind as a table, or one of them in full."""
    from rl.commands import listing

    found = [listing.find(kind, name)] if name else listing.listed(kind)
    if json_file:
        write_json(json_file, [plugin.to_dict() for plugin in found])
    if name:
        (plugin,) = found
        print(f"{plugin.name}   {plugin.source}\nparameters: {plugin.summary()}\n\n{plugin.doc}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "parameters", "source", box=None, pad_edge=False)
    for plugin in found:
        table.add_row(plugin.name, plugin.summary(), plugin.source)
    Console(soft_wrap=False).print(table)


def require_place(path: Path | None) -> None:
    """Errors: UserError when a file cannot be written because its folder is not there."""
    if path is not None and not path.parent.is_dir():
        raise UserError(f"cannot write {path}: its folder does not exist")


def write_json(path: Path | None, values: object) -> None:
    """JSON to a file, or to the terminal without one."""
    text = json.dumps(values, indent=None if path else 2, allow_nan=False)
    if path is None:
        print(text)
        return
    try:
        path.write_text(text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
