"""The numbers of thinking that was closed by force: what each budget gives, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from rewards.verifier import Verifier
from rl.evaluation.figures.equal_tokens import majority_at
from rl.evaluation.figures.passes import pass_table
from rl.evaluation.figures.summary import counts, verdicts, votes
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Evaluation, Row, means
from rl.statistics import bootstrap_mean, finite


def forced_numbers(points: Mapping[int, Evaluation], protocol: Protocol, verifier: Verifier) -> dict[str, Any] | None:
    """What was forced, and the numbers at each budget; None where nothing was."""
    forced = protocol.forced
    if forced is None:
        return None
    return {
        "closing": {"name": forced.name, "text": forced.closing, "fresh_line": forced.fresh_line},
        "end": protocol.end,
        "answer": forced.answer,
        "budgets": {str(budget): point_numbers(points[budget].rows, protocol, verifier) for budget in sorted(points)},
    }


def point_numbers(rows: Sequence[Row], protocol: Protocol, verifier: Verifier) -> dict[str, Any]:
    """The numbers at one budget: those of `curve_numbers`, verdicts, pass@k and votes."""
    evaluation = Evaluation(list(rows))
    return {
        **curve_numbers(evaluation),
        "verdicts": verdicts(rows),
        "pass_at": pass_table(counts(evaluation.judged()), protocol.samples),
        **votes(rows, protocol, verifier),
        "majority_at": majority_at(rows, protocol, verifier),
    }


def curve_numbers(evaluation: Evaluation) -> dict[str, Any]:
    """What one budget gives and costs.

    Accuracy and tokens are means over problems of each one's mean over samples, with 95 % bootstrap intervals over
    problems; `all` tokens are those of thinking, closing and answer. `forced` is the share of answers whose thinking
    was cut, `unfinished` that of answers cut at their own budget.
    """
    rows = evaluation.rows
    columns = {"thinking": "thinking", "answer": "answered", "all": "length"}
    return {
        "accuracy": finite(evaluation.accuracy),
        "tokens": {kind: _mean(rows, column) for kind, column in columns.items()},
        "forced": fmean(row["closing"] is not None for row in rows),
        "unfinished": fmean(row["stop"] == "length" for row in rows),
        "unjudged": len(rows) - len(evaluation.judged()),
    }


def _mean(rows: Sequence[Row], column: str) -> dict[str, float | None]:
    return finite(bootstrap_mean(list(means(rows, lambda row: row[column]).values())))
