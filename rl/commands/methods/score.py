"""`lengthwise score`: what a reward gives to logged rollouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl.commands.options import Json, LogCap, LogOptions, RolloutFile, Settings, spread
from rl.commands.output import write_json
from rl.terminal import console, say

if TYPE_CHECKING:
    from rewards import Rollout

LINES = 40
"""Rollouts that are shown."""


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
    logged = read_rollouts(rollouts, told=told)
    result = offline.score(
        plugin, logged, offline.read_history(history), read_rollouts(monitor, told=told) if monitor else None
    )
    if json_file:
        write_json(json_file, result)
    else:
        _print(logged.in_file_order([list(group.rollouts) for group in logged.groups]), result)


def _print(rollouts: Sequence[Rollout], result: Mapping[str, Any]) -> None:
    """Whose each value is; of many rollouts the first, and how many more."""
    from rich.table import Table

    numbers = {"reward": result["rewards"], **result["terms"]}
    table = Table("problem", "tokens", "verdict", box=None, pad_edge=False)
    for name in numbers:
        table.add_column(name, justify="right")
    for place, rollout in enumerate(rollouts[:LINES]):
        values = (column[place] for column in numbers.values())
        shown = ("-" if value is None else f"{value:.4g}" for value in values)
        table.add_row(rollout.problem_id, str(rollout.length), str(rollout.verdict), *shown)
    console().print(table)
    if len(rollouts) > LINES:
        say(f"and {len(rollouts) - LINES} more; --json FILE takes all of them, and the history")
