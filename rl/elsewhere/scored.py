"""What `lengthwise score --json` wrote, as lines again: `lengthwise advantages` goes on from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rl.errors import UserError
from rl.reading import json_of

COLUMNS = ("problem_id", "round", "group", "length")
"""What a score says of each rollout besides its numbers; round and group by their places."""
_BEGINS = re.compile(rb'\s*\{\s*"rewards":\s*\[')


def is_scored(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _BEGINS.match(file.read(64)) is not None


def scored_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """One object a rollout after where it stands. Errors: UserError for a file that says less than `score` writes."""
    try:
        found = json_of(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no whole JSON: {error}") from error
    columns = found.get("rollouts", {})
    rewards, name = found["rewards"], found.get("reward")
    if not isinstance(columns, Mapping) or not isinstance(name, str):
        columns = {}
    for column in COLUMNS:
        values = columns.get(column)
        if not isinstance(values, list) or len(values) != len(rewards):
            raise UserError(
                f"{path}: no {column} for each of its {len(rewards)} rewards; write it by `score --json` anew"
            )
    for place, (reward, *values) in enumerate(zip(rewards, *(columns[column] for column in COLUMNS), strict=True), 1):
        line = dict(zip(COLUMNS, values, strict=True))
        yield f"{path}, rollout {place}", {**line, "reward": reward, "rewards": {name: reward}}
