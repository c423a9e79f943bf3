"""lighteval: `details_TASK_DATE.parquet`, which `--save-details` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rl.elsewhere.logs.row import Format, Line, Row
from rl.errors import UserError


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """A document is a row; its metrics judge all its samples together, so there may be one."""
    for row in rows:
        texts = row.many("model_response.text")
        tokens = row.many("model_response.output_tokens")
        if len(texts) != 1:
            raise UserError(
                f"{row.where}: column 'model_response.text' holds {len(texts)} samples, and lighteval judges them "
                "together; evaluate one sample a document"
            )
        metric = row.below("metric")
        line = {
            "prompt": row.get("doc.query"),
            "answer": _gold(row),
            "text": texts[0] if isinstance(texts[0], str) else row.text("model_response.text"),
            "scores": metric.numbers(name for name in metric.values if not isinstance(metric.values[name], Mapping)),
        }
        if len(tokens) == 1 and isinstance(tokens[0], list):
            line["length"] = len(tokens[0])
        yield line


def _gold(row: Row) -> str:
    choices, gold = row.get("doc.choices") or [], row.get("doc.gold_index")
    index = gold[0] if isinstance(gold, list) and gold else gold
    known = isinstance(choices, list) and isinstance(index, int) and 0 <= index < len(choices)
    return str(choices[index]) if known else ""


FORMAT = Format("lighteval", "lighteval's details", ("doc", "model_response", "metric"), lines, (".parquet",))
