"""slime: `--save-debug-rollout-data`, a torch pickle a round, of which nothing but plain values is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rl.elsewhere.logs.row import Format, Line, Row, gold_of, stop_of
from rl.errors import UserError, first_line


def rows(path: Path) -> Iterator[Row]:
    """Errors: UserError without torch, or where the file holds more than plain values."""
    try:
        import torch
    except ImportError as error:
        raise UserError(f"{path} is a pickle of torch, which is not installed: pip install torch") from error
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        samples = held["samples"]
    except Exception as error:
        why = first_line(error)
        raise UserError(f"{path}: no rollouts of slime that could be read without running its code: {why}") from error
    if not isinstance(samples, list) or not all(isinstance(sample, Mapping) for sample in samples):
        raise UserError(f"{path}: column 'samples' must be a list of objects")
    number = held.get("rollout_id")
    for place, sample in enumerate(samples, 1):
        yield Row({"round": number, **sample}, f"{path}, row {place}")


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """Siblings share `group_index`; an aborted sample counts as not judged. Length is that of the loss mask."""
    for row in rows:
        mask = row.values.get("loss_mask")
        status = re.sub(r".*\.", "", str(row.get("status"))).lower()
        reward = None if status in ("aborted", "failed") or row.get("reward") is None else row.number("reward")
        yield {
            "prompt": row.get("prompt"),
            "answer": gold_of(row.values.get("label")),
            "text": row.text("response"),
            "length": sum(map(bool, mask)) if isinstance(mask, list) else row.whole("response_length"),
            "stop": stop_of(status),
            "scores": {"reward": reward},
            "reward": reward,
            "round": row.values.get("round"),
            "group": str(row.get("group_index")),
        }


FORMAT = Format("slime", "slime's debug rollouts", ("samples",), lines, (".pt",), rows)
