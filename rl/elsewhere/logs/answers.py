"""Answers of our own evaluations: what `lengthwise evaluate --out` keeps."""

from __future__ import annotations

from collections.abc import Iterator

from rl.elsewhere.logs.row import Format, Line, Row


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """A problem's samples are a group. The cap that they had stands in the file's protocol, and is not read."""
    for row in rows:
        correct = row.get("correct")
        yield {
            "problem_id": row.text("problem_id"),
            "prompt": row.text("prompt"),
            "answer": row.text("answer"),
            "text": row.text("completion"),
            "length": row.whole("length"),
            "stop": row.text("stop"),
            "verdict": row.text("verdict"),
            "correct": None if correct is None else row.number("correct") == 1.0,
        }


FORMAT = Format("answers", "lengthwise evaluate --out", ("sample", "completion", "verdict"), lines, (".parquet",))
