"""What a majority vote of k samples is worth, and what its samples cost: a rival at equal tokens."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from rewards.verifier import Verifier
from rl.evaluation.figures.answers import cast
from rl.evaluation.figures.votes import majority
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Row, by_problem
from rl.statistics import bootstrap_mean, finite


def majority_at(rows: Sequence[Row], protocol: Protocol, verifier: Verifier) -> dict[str, Any]:
    """Accuracy and tokens of a majority of k = 1, 2, 4, … and all samples, with intervals over problems.

    A problem's samples are parted into blocks of k as they were drawn, each of which votes by itself; what is left
    over is left out. A vote's tokens are those of all its samples. Nothing where nobody could be judged.
    """
    problems = [own for own in by_problem(rows).values() if any(row["correct"] is not None for row in own)]
    ballots = [cast(own, verifier, protocol.truncated) for own in problems]
    lengths = [[row["length"] for row in own] for own in problems]
    samples = protocol.samples
    table: dict[str, Any] = {}
    for k in sorted({2**i for i in range(samples.bit_length()) if 2**i <= samples} | {samples}):
        blocks = range(0, samples - k + 1, k)
        right = [fmean(majority([b for b in own[at : at + k] if b]) for at in blocks) for own in ballots]
        tokens = [float(fmean(sum(own[at : at + k]) for at in blocks)) for own in lengths]
        if problems:
            table[str(k)] = {"accuracy": finite(bootstrap_mean(right)), "tokens": finite(bootstrap_mean(tokens))}
    return table
