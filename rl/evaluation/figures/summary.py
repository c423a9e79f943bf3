"""The numbers of an evaluation, as `lengthwise evaluate --json` writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from rewards import Verdict
from rewards.ngram import Places, repeats, share
from rewards.verifier import Verifier
from rl.evaluation.figures.answers import ballots
from rl.evaluation.figures.equal_tokens import majority_at
from rl.evaluation.figures.passes import pass_table
from rl.evaluation.figures.votes import length_filtered, majority, shortest_majority
from rl.evaluation.protocol import LengthFilter, Protocol
from rl.evaluation.rows import Evaluation, Row, by_problem
from rl.statistics import finite

SCHEMA_VERSION = 1
GRAM = 40
"""Tokens of an n-gram that counts as repeated."""
Json = dict[str, Any]


def numbers(
    model: str,
    protocol: Protocol,
    caps: Mapping[int, Sequence[Row]],
    verifier: Verifier,
    heat: Json | None = None,
    seconds: float = 0.0,
    forced: Json | None = None,
) -> Json:
    """Everything; `caps` are the rows as scored at each cap (tokens), `heat` what `heat_map` made of the last.

    `forced` is what `forced_numbers` gave where thinking was closed by force.

    A number that nothing stands behind is null, as the length of correct answers where there are none.
    """
    rows = caps[protocol.cap]
    # An answer's tokens at a smaller cap are its first ones: n-grams are looked for once an answer, not once a cap.
    repeated = repeated_in(caps[max(caps)])
    return {
        "schema": SCHEMA_VERSION,
        "model": model,
        "protocol": protocol.to_dict(),
        "caps": {str(cap): cap_numbers(caps[cap], protocol, verifier, repeated) for cap in sorted(caps)},
        "forced": forced,
        "heat_map": heat,
        "n": len(by_problem(rows)),
        "samples": protocol.samples,
        "seconds": seconds,
    }


def repeated_in(rows: Sequence[Row]) -> list[Places]:
    """Where in each row's tokens a 40-gram begins that occurred before."""
    return [repeats(row["token_ids"], GRAM) for row in rows]


def cap_numbers(rows: Sequence[Row], protocol: Protocol, verifier: Verifier, repeated: Sequence[Places]) -> Json:
    """The numbers at one cap; `repeated` is `repeated_in` each row's whole answer.

    Accuracy and mean tokens are means over problems of each one's mean over samples, with 95 % bootstrap
    intervals over problems. `tokens` parts all completions into those cut at the cap, and the others by
    right and wrong. `repetition` is the mean share of tokens within a repeated 40-gram.
    """
    evaluation = Evaluation(list(rows))
    judged = evaluation.judged()
    return {
        "accuracy": finite(evaluation.accuracy),
        "tokens": {
            "all": lengths(rows),
            "correct": lengths([r for r in judged if r["stop"] != "length" and r["correct"] == 1.0]),
            "wrong": lengths([r for r in judged if r["stop"] != "length" and r["correct"] != 1.0]),
            "truncated": lengths([r for r in rows if r["stop"] == "length"]),
        },
        "mean_tokens": finite(evaluation.tokens),
        "truncated": fmean(row["stop"] == "length" for row in rows),
        "unjudged": len(rows) - len(judged),
        "verdicts": verdicts(rows),
        "pass_at": pass_table(counts(judged), protocol.samples),
        **votes(rows, protocol, verifier),
        "majority_at": majority_at(rows, protocol, verifier),
        "repetition": fmean(
            share(starts, GRAM, len(row["token_ids"])) for row, starts in zip(rows, repeated, strict=True)
        ),
        "by_difficulty": by_difficulty(rows),
    }


def lengths(rows: Sequence[Row]) -> dict[str, float] | None:
    """Mean, median and 95th percentile in tokens; None of nothing."""
    if not rows:
        return None
    values = np.array([row["length"] for row in rows], dtype=float)
    median, p95 = np.percentile(values, [50, 95])
    return {"mean": float(values.mean()), "median": float(median), "p95": float(p95)}


def verdicts(rows: Sequence[Row]) -> dict[str, int]:
    """How often each verdict fell, those that never did included."""
    counts = Counter(row["verdict"] for row in rows)
    return {str(verdict): counts[str(verdict)] for verdict in Verdict}


def votes(rows: Sequence[Row], protocol: Protocol, verifier: Verifier) -> dict[str, float | None]:
    """Mean over problems of what each vote is worth; None of one sample, or where nobody could be judged."""
    options: LengthFilter = protocol.length_filter
    problems = [own for own in by_problem(rows).values() if any(row["correct"] is not None for row in own)]
    if protocol.samples < 2 or not problems:
        return dict.fromkeys(("majority", "shortest_majority", "length_filtered"))
    cast = [ballots(own, verifier, protocol.truncated) for own in problems]
    return {
        "majority": fmean(map(majority, cast)),
        "shortest_majority": fmean(map(shortest_majority, cast)),
        "length_filtered": fmean(length_filtered(own, options) for own in cast),
    }


def by_difficulty(rows: Sequence[Row]) -> list[Json]:
    """Problems, accuracy and mean tokens of each difficulty that the data names, easy ones first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["difficulty"]:
            groups.setdefault(row["difficulty"], []).append(row)
    return [
        {
            "difficulty": level,
            "n": len(by_problem(own)),
            "accuracy": _mean(Evaluation(own).accuracy_of.values()),
            "mean_tokens": _mean(Evaluation(own).tokens_of.values()),
        }
        for level, own in sorted(groups.items(), key=lambda item: _numeric(item[0]))
    ]


def counts(judged: Sequence[Row]) -> list[tuple[int, int]]:
    """Judged samples and correct ones of each problem."""
    return [(len(own), sum(row["correct"] == 1.0 for row in own)) for own in by_problem(judged).values()]


def _numeric(level: str) -> tuple[float, str]:
    digits = "".join(c for c in level if c.isdecimal())
    return (float(digits) if digits else 0.0, level)


def _mean(values: Collection[float]) -> float | None:
    return fmean(values) if values else None
