"""The numbers of thinking that was closed by force: what each budget gives, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from rewards.verifier import Verifier
from rl.evaluation.figures.curve import Values, area, error, overshoot, rank_correlation, tokens_per_correct
from rl.evaluation.figures.equal_tokens import majority_at
from rl.evaluation.figures.passes import pass_table
from rl.evaluation.figures.summary import counts, verdicts, votes
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Evaluation, Row, means
from rl.statistics import Estimate, bootstrap_mean, finite


def forced_numbers(points: Mapping[int, Evaluation], protocol: Protocol, verifier: Verifier) -> dict[str, Any] | None:
    """What was forced, and the numbers at each budget; None where nothing was."""
    forced = protocol.forced
    if forced is None:
        return None
    return {
        "closing": {"name": forced.name, "text": forced.closing, "fresh_line": forced.fresh_line},
        "end": protocol.end,
        "answer": forced.answer,
        "area": finite(area(*accuracies(points))),
        "budgets": {
            str(budget): _named(forced.effort(budget)) | point_numbers(points[budget].rows, protocol, verifier)
            for budget in sorted(points)
        },
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
    was cut, `unfinished` that of answers cut at their own budget. `tokens_per_correct`: all tokens over accuracy.
    """
    rows = evaluation.rows
    columns = {"thinking": "thinking", "answer": "answered", "all": "length"}
    return {
        "accuracy": finite(evaluation.accuracy),
        "tokens_per_correct": finite(_cost(evaluation)),
        "tokens": {kind: _mean(rows, column) for kind, column in columns.items()},
        "forced": fmean(row["closing"] is not None for row in rows),
        "unfinished": fmean(row["stop"] == "length" for row in rows),
        "unjudged": len(rows) - len(evaluation.judged()),
    }


def _named(effort: str) -> dict[str, Any]:
    return {"effort": effort} if effort else {}


def accuracies(points: Mapping[int, Evaluation]) -> tuple[Values, list[int]]:
    """Accuracy of shape (problems, budgets), and the budgets. Problems not judged at each are left out."""
    budgets = sorted(points)
    each = [means(points[budget].judged(), lambda row: row["correct"]) for budget in budgets]
    shared = [problem for problem in each[0] if all(problem in one for one in each)]
    return np.array([[one[problem] for one in each] for problem in shared]).reshape(-1, len(budgets)), budgets


def stated_numbers(
    stating: Mapping[int, Evaluation], thinking: Callable[[Sequence[Row]], Sequence[int]]
) -> dict[str, Any]:
    """How the thinking of answers whose prompts state a budget keeps to it, nothing being closed by force.

    `error` is the mean over problems of |n - B| / B, `overshoot` that of the tokens over B, `within_10` the share of
    answers within a tenth of B; `rank_correlation` is Spearman's, of what was stated and what was used, over all.
    """
    used = {budget: thinking(stating[budget].rows) for budget in stating}
    asked = [budget for budget, tokens in used.items() for _ in tokens]
    return {
        "rank_correlation": _known(rank_correlation(asked, [n for tokens in used.values() for n in tokens])),
        "budgets": {
            str(budget): _kept(stating[budget].rows, np.array(tokens, dtype=float), budget)
            for budget, tokens in used.items()
        },
    }


def _kept(rows: Sequence[Row], tokens: Values, budget: int) -> dict[str, Any]:
    off = error(tokens, [budget])
    held = zip(tokens.tolist(), off.tolist(), overshoot(tokens, [budget]).tolist(), strict=True)
    measured = [
        {**row, "used": n, "off": share, "over": over} for row, (n, share, over) in zip(rows, held, strict=True)
    ]
    return {
        "thinking": _mean(measured, "used"),
        "error": _mean(measured, "off"),
        "overshoot": _mean(measured, "over"),
        "within_10": float((off <= 0.1).mean()),
    }


def _cost(evaluation: Evaluation) -> Estimate:
    """Problems that nobody could judge are left out."""
    accuracy = means(evaluation.judged(), lambda row: row["correct"])
    tokens = means(evaluation.rows, lambda row: row["length"])
    return tokens_per_correct(list(accuracy.values()), [tokens[problem] for problem in accuracy])


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(rows: Sequence[Row], column: str) -> dict[str, float | None]:
    return finite(bootstrap_mean(list(means(rows, lambda row: row[column]).values())))
