"""What a report asks of an evaluation: numbers first; texts are read only for the problems shown."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from statistics import fmean

from rl.errors import UserError
from rl.evaluation import Evaluation
from rl.evaluation.forcing.places import places_at
from rl.evaluation.rows import CLOSED, KINDS, NUMBERS, Row
from rl.reading import require_columns, table_of
from rl.statistics import paired_difference


def read_answers(path: Path) -> Evaluation:
    """The numbers of a file of answers. Errors: UserError where it holds none."""
    found = Evaluation.load(path, NUMBERS)
    if not found.rows:
        raise UserError(f"{path} holds no answers; evaluate the run again")
    return found


def read_points(path: Path) -> dict[int, Evaluation]:
    """By budget, what is kept beside a file of answers of the same thinking closed by force."""
    return {budget: Evaluation.load(file, (*NUMBERS, *CLOSED)) for budget, file in places_at(path).items()}


def tokens_where(answers: Evaluation, correct: float) -> float:
    """Mean tokens of the correct (1) or wrong (0) answers; NaN where there is none."""
    return _mean([row["length"] for row in answers.rows if row["correct"] == correct])


def at_difficulty(answers: Evaluation, level: str) -> tuple[float, float]:
    """Mean tokens and accuracy of the answers to problems of one difficulty; NaN where there is none."""
    chosen = [row for row in answers.rows if row["difficulty"] == level]
    judged = [row["correct"] for row in chosen if row["correct"] is not None]
    return _mean([row["length"] for row in chosen]), _mean(judged)


def texts(answers: Evaluation, problems: Collection[str]) -> dict[str, Row]:
    """Of these problems the first answer whole: prompt, answer, completion, length, stop, verdict, correct."""
    columns = (*NUMBERS, "prompt", "answer", "completion", "verdict")
    rows = answers.rows
    if answers.path:
        table = table_of(answers.path, columns, problems)
        require_columns(table, {name: KINDS[name] for name in columns}, answers.path, "answers of an evaluation")
        rows = table.to_pylist()
    return {row["problem_id"]: row for row in reversed(rows)}


def accuracy_difference(before: Evaluation, after: Evaluation) -> tuple[float, float]:
    """Mean paired difference in accuracy over problems that both could be judged on, and its standard error."""
    pairs = [(before.accuracy_of[p], value) for p, value in after.accuracy_of.items() if p in before.accuracy_of]
    return paired_difference([b for b, _ in pairs], [a for _, a in pairs])


def _mean(values: Collection[float]) -> float:
    return fmean(values) if values else float("nan")
