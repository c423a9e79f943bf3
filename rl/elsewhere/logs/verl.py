"""verl: `trainer.rollout_data_dir` and `trainer.validation_data_dir`, a file of lines a step."""

from __future__ import annotations

from collections.abc import Iterator

from rl.elsewhere.logs.row import Format, Line, Row, gold_of


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """`uid` is `{group}_{session}_{output}` where there is one; no lengths, no stops."""
    for row in rows:
        line = {
            "prompt": row.text("input"),
            "answer": gold_of(row.get("gts")),
            "text": row.text("output"),
            "scores": {"score": row.number("score")},
            "reward": row.number("score"),
            "round": row.step("step"),
        }
        if row.has("uid"):
            line["group"] = row.text("uid").rsplit("_", 2)[0]
        yield line


FORMAT = Format("verl", "verl's rollout_data_dir", ("input", "output", "gts", "score", "step"), lines)
