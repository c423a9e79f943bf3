"""`lengthwise advantages`: the estimators, and what one makes of logged rewards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.commands.methods.listing import list_plugins
from rl.commands.options import Json, LogCap, LogOptions, Settings, spread
from rl.commands.output import write_json
from rl.errors import UserError


@spread
def advantages(
    *,
    name: Annotated[str | None, typer.Argument(help="Show this estimator in full.")] = None,
    estimator: Annotated[
        str | None, typer.Option(help="Estimate with it: its name, file.py:name or module:name.")
    ] = None,
    rollouts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rewards: JSON lines, what `score --json` wrote, a run, or a tool's log."),
    ] = None,
    settings: Settings = None,
    log: LogOptions,
    cap: LogCap = None,
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
    values = offline.advantages(estimator, offline.parse_settings(settings or []), rollouts, log.told(cap))
    write_json(json_file, {"advantages": values})
