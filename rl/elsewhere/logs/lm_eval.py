"""lm-evaluation-harness: `samples_TASK_DATE.jsonl`, which `--log_samples` writes."""

from __future__ import annotations

from collections.abc import Iterator

from rl.elsewhere.logs.row import LEFT_OUT, Format, Line, Row, gold_of, last_turn
from rl.errors import UserError


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """A document has a line a filter: those of the file's first filter count. No lengths, no stops."""
    file, chosen = "", None
    for row in rows:
        kind = row.get("filter") if row.has("filter") else "none"
        if (here := row.where.rpartition(", row ")[0]) != file:
            file, chosen = here, kind
        if kind != chosen:
            yield {LEFT_OUT: f"of other filters than {chosen}"}
            continue
        names = [str(name) for name in row.many("metrics")] if row.has("metrics") else ["exact_match"]
        responses = [text for one in row.many("resps") for text in (one if isinstance(one, list) else [one])]
        if len(responses) != 1:
            raise UserError(
                f"{row.where}: column 'resps' holds {len(responses)} responses, and the harness judges them together; "
                "log them with repeats of 1, a run a seed"
            )
        yield {
            "prompt": _prompt(row),
            "answer": gold_of(row.get("target")),
            "text": responses[0] if isinstance(responses[0], str) else row.text("resps"),
            "scores": row.numbers(names),
        }


def _prompt(row: Row) -> object:
    """What the model was asked; where the harness does not say, the document."""
    if row.has("arguments.gen_args_0.arg_0"):
        return row.get("arguments.gen_args_0.arg_0")
    if row.has("arguments"):
        first = row.many("arguments")
        return first[0][0] if first and isinstance(first[0], list) and first[0] else last_turn(first)
    return str(row.get("doc"))


FORMAT = Format("lm-eval", "lm-evaluation-harness's --log_samples", ("doc_id", "resps", "filtered_resps"), lines)
