"""A round's rollouts as a run has written them: which columns there are, and what stands in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rl.reading import Kind, require_columns, table_of

if TYPE_CHECKING:
    import pyarrow as pa

KINDS: Mapping[str, Kind] = {
    "step": "number",
    "round": "number",
    "group": "number",
    "problem_id": "text",
    "prompt": "text",
    "answer": "text",
    "lead": "text",
    "completion": "text",
    "token_ids": "numbers",
    "length": "number",
    "stop": "text",
    "budget": "number or null",
    "verdict": "text",
    "raw_reward": "number or null",
    "rewards": "object or null",
    "reward": "number or null",
    "advantage": "number or null",
    "weight_version": "number or null",
}
LATER: Mapping[str, Kind] = {
    "thinking": "number",
    "thinking_budget": "number or null",
    "forced": "spans",
    "masked": "spans",
    "variant": "text",
    "root": "number or null",
    "branched": "number",
}
"""Those that files of earlier versions lack."""


def rollout_table(path: Path, columns: Collection[str], problems: Collection[str] | None = None) -> pa.Table:
    """These columns, of all rollouts or of some problems'. Errors: UserError where the file holds no such rollouts."""
    table = table_of(path, None, problems)
    there = [name for name in columns if name in KINDS or name in table.column_names]
    require_columns(table, {name: {**KINDS, **LATER}[name] for name in there}, path, "rollouts of a run")
    return table.select(there)
