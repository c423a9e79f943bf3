"""AReaL: `rollout.dump_to_file`, `rollout/VERSION/TASK.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator

from rl.elsewhere.logs.row import Format, Line, Row


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """A task's samples are a group; no golds, no stops. Length is `seqlen - prompt_len`."""
    for row in rows:
        yield {
            "prompt": row.text("prompt"),
            "text": row.text("completion"),
            "length": max(0, row.whole("seqlen") - row.whole("prompt_len")),
            "scores": {"reward": row.number("reward")},
            "reward": row.number("reward"),
            "group": str(row.get("task_id")),
            "weight_version": row.whole("tail_version") if row.has("tail_version") else None,
        }


FORMAT = Format("areal", "AReaL's dump_to_file", ("task_id", "sample_idx", "seqlen", "prompt_len"), lines)
