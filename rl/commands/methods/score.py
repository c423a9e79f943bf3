"""`lengthwise score`: what a reward gives to logged rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.commands.options import Json, LogCap, LogOptions, RolloutFile, Settings, spread
from rl.commands.output import write_json


@spread
def score(
    *,
    reward: Annotated[str, typer.Option(help="A reward's name, file.py:Name or module:Name.")],
    rollouts: RolloutFile,
    settings: Settings = None,
    history: Annotated[Path | None, typer.Option(help="What an earlier `score` wrote: go on from its history.")] = None,
    monitor: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Rollouts that set a reward's controller first.")
    ] = None,
    log: LogOptions,
    cap: LogCap = None,
    json_file: Json = None,
) -> None:
    """Score logged rollouts with a reward: whole rewards, their terms, and the history afterwards."""
    from rl.elsewhere import offline
    from rl.elsewhere.rollout_files import read_rollouts
    from rl.plugins import load_reward

    told = log.told(cap)
    plugin = load_reward(reward, offline.parse_settings(settings or []))
    result = offline.score(
        plugin,
        read_rollouts(rollouts, told=told),
        offline.read_history(history),
        read_rollouts(monitor, told=told) if monitor else None,
    )
    write_json(json_file, result)
