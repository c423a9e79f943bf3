"""ms-swift: `completions.jsonl`, whose lines are tables: each column a list."""

from __future__ import annotations

from collections.abc import Iterator

from rl.elsewhere.logs.row import Format, Line, Row, gold_of

OWN = {"step", "prompt", "completion", "advantages", "advantage", "images", "solution", "gen_step"}


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """A line holds a step's rollouts; what no name tells is a reward."""
    for table in rows:
        size = len(table.many("prompt"))
        columns = {name: table.many(name, size) for name, value in table.values.items() if isinstance(value, list)}
        rewards = [name for name in columns if name not in OWN and all(map(_counts, columns[name]))]
        for place in range(size):
            own = {name: values[place] for name, values in columns.items()}
            row = Row(own, f"{table.where}, entry {place + 1}")
            scores = row.numbers(rewards)
            yield {
                "prompt": row.get("prompt"),
                "text": row.text("completion"),
                "answer": gold_of(own.get("solution")),
                "scores": scores,
                "rewards": scores,
                **({"reward": scores[rewards[0]]} if len(rewards) == 1 else {}),
                "round": row.step("step"),
            }


def _counts(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


FORMAT = Format("ms-swift", "ms-swift's completions.jsonl", ("step", "prompt", "completion"), lines)
