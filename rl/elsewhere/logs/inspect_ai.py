"""Inspect: logs of `inspect eval`, `.eval` (a zip) or `.json`."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rl.elsewhere.logs.row import LEFT_OUT, Format, Line, Row, gold_of, last_turn, stop_of
from rl.errors import UserError, first_line
from rl.reading import object_of, parsed

LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": None}
"""Correct, incorrect, partly correct, no answer."""


def rows(path: Path) -> Iterator[Row]:
    """One sample after the other; of a zip one in memory at a time."""
    if path.suffix == ".json":
        for place, sample in enumerate(Row(object_of(path), str(path)).many("samples"), 1):
            yield _row(sample, f"{path}, sample {place}")
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(n for n in archive.namelist() if n.startswith("samples/") and n.endswith(".json")):
                yield _row(parsed(archive.read(name), f"{path}, {name}"), f"{path}, {name}")
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from error


def _row(sample: Any, where: str) -> Row:
    if not isinstance(sample, Mapping):
        raise UserError(f"{where}: a sample must be an object")
    return Row(sample, where)


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """Epochs of an `id` are a group."""
    for row in rows:
        choices = row.rows("output.choices")
        if not choices:
            yield {LEFT_OUT: "as they failed"}  # an error of the model's server
            continue
        target = row.get("target")
        line = {
            "problem_id": row.name("id"),
            "prompt": last_turn(row.get("input")),
            "answer": gold_of(target[0] if isinstance(target, list) and target else target),
            "text": _said(choices[0]),
            "stop": stop_of(choices[0].get("stop_reason")),
            "scores": {name: _value(row.below("scores").below(name)) for name in row.object("scores")},
        }
        if row.has("output.usage.output_tokens"):
            line["length"] = row.whole("output.usage.output_tokens")
        yield line


def _said(choice: Row) -> str:
    content = choice.get("message.content")
    if isinstance(content, list):  # parts, of which some think
        parts = (part.get("reasoning") or part.get("text") for part in content if isinstance(part, Mapping))
        return "\n".join(part for part in parts if isinstance(part, str))
    return choice.text("message.content")


def _value(score: Row) -> float | None:
    value = score.get("value")
    return LETTERS[value] if isinstance(value, str) and value in LETTERS else score.number("value")


FORMAT = Format("inspect", "inspect eval's logs", ("eval", "samples"), lines, (".eval", ".json"), rows)
