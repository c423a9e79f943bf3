"""Which samples of a problem gave the same answer: what votes count."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rewards import Verdict
from rewards.thinking import read
from rewards.verifier import Reading, Verifier
from rewards.verifier.base import InProcess
from rewards.verifier.quick import compare
from rl.evaluation.figures.votes import Ballot
from rl.evaluation.rows import Row, lead_of

RIGHT = "right"
"""The answer of all samples that the verifier finds correct: what equals the gold answer is one answer."""


def ballots(rows: Sequence[Row], verifier: Verifier, truncated: str = "judge") -> list[Ballot]:
    """The votes of one problem's rows."""
    return [ballot for ballot in cast(rows, verifier, truncated) if ballot is not None]


def cast(rows: Sequence[Row], verifier: Verifier, truncated: str = "judge") -> list[Ballot | None]:
    """The vote of each of one problem's rows; None of one that has none.

    The answer is what the verifier reads in the completion. Correct ones are one answer. Wrong ones are the
    same where the verifier's own comparison says so: its quick one for mathematics, so answers that only
    math-verify could tell equal count as different. A completion cut at its cap has a vote where it may be
    right, which under the rule `wrong` it may not.
    """
    reading = getattr(verifier, "reading", None) or Reading()
    same = _comparison(verifier)
    known: list[str] = []

    def vote(row: Row) -> Ballot | None:
        if row["correct"] is None or (truncated == "wrong" and row["stop"] == "length"):
            return None
        if row["verdict"] == Verdict.CORRECT:
            return Ballot((RIGHT,), row["correct"], row["length"])
        answer = reading.find(read(lead_of(row), row["completion"])).answer
        if not answer:
            return None
        equal = next((other for other in known if other == answer or same(other, answer)), None)
        if equal is None:
            known.append(answer)
            equal = answer
        return Ballot(equal, row["correct"], row["length"])

    return [vote(row) for row in rows]


def _comparison(verifier: Verifier) -> Callable[[str, str], bool]:
    if isinstance(verifier, InProcess):
        own = verifier.compare
        return lambda one, other: own(one, other) is Verdict.CORRECT
    return lambda one, other: compare(one, other) is True
