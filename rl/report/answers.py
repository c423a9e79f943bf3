"""The answers of one model to the held-out problems, as numbers; texts are read only for the problems shown."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rl.errors import UserError
from rl.evaluation import Protocol
from rl.evaluation.rows import PROTOCOL
from rl.report.pareto import Floats
from rl.statistics import Estimate, bootstrap_mean, paired_difference

NUMBERS = ("problem_id", "difficulty", "length", "stop", "correct")


@dataclass(frozen=True, eq=False)
class Answers:
    """One row a completion; `correct` is NaN where the verifier failed."""

    path: Path
    problem_ids: list[str]
    difficulty: list[str]
    length: Floats
    truncated: Floats
    correct: Floats
    protocol: Protocol | None
    """How they were sampled and judged, where the file says so."""

    @staticmethod
    def read(path: Path) -> Answers:
        table = read_columns(path, NUMBERS)
        if not table.num_rows:
            raise UserError(f"{path} holds no answers; evaluate the run again")
        columns = {name: table.column(name).to_pylist() for name in NUMBERS}
        told = (table.schema.metadata or {}).get(PROTOCOL)
        return Answers(
            path,
            columns["problem_id"],
            columns["difficulty"],
            np.array(columns["length"], dtype=float),
            np.array([stop == "length" for stop in columns["stop"]], dtype=float),
            np.array(columns["correct"], dtype=float),
            _protocol(told, path) if told else None,
        )

    @cached_property
    def problems(self) -> list[str]:
        """Each problem once, sorted, so that two models' answers stand beside each other."""
        return sorted(set(self.problem_ids))

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """The place of each row's problem in `problems`."""
        place = {problem: i for i, problem in enumerate(self.problems)}
        return np.array([place[problem] for problem in self.problem_ids])

    def by_problem(self, values: Floats) -> Floats:
        """The mean of a column over each problem's samples; NaN where none is a number."""
        known = ~np.isnan(values)
        count = np.bincount(self.places[known], minlength=len(self.problems)).astype(float)
        total = np.bincount(self.places[known], weights=values[known], minlength=len(self.problems))
        means: Floats = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        return means

    @cached_property
    def accuracy(self) -> Estimate:
        return _over_problems(self.by_problem(self.correct))

    @cached_property
    def tokens(self) -> Estimate:
        return _over_problems(self.by_problem(self.length))

    def tokens_where(self, correct: float) -> float:
        """Mean tokens of the correct (1) or wrong (0) answers; NaN where there is none."""
        chosen = self.length[self.correct == correct]
        return float(chosen.mean()) if chosen.size else float("nan")

    def at_difficulty(self, level: str) -> tuple[float, float]:
        """Mean tokens and accuracy of the answers to problems of one difficulty; NaN where there is none."""
        chosen = np.array([difficulty == level for difficulty in self.difficulty])
        judged = chosen & ~np.isnan(self.correct)
        tokens = float(self.length[chosen].mean()) if chosen.any() else float("nan")
        return tokens, float(self.correct[judged].mean()) if judged.any() else float("nan")

    def summary(self) -> dict[str, Any]:
        """Means with 95 % bootstrap intervals over problems; accuracy and truncated are fractions."""
        return {
            "accuracy": self.accuracy.mean,
            "accuracy_interval": [self.accuracy.low, self.accuracy.high],
            "mean_tokens": self.tokens.mean,
            "mean_tokens_interval": [self.tokens.low, self.tokens.high],
            "truncated": float(self.truncated.mean()),
            "unjudged": int(np.isnan(self.correct).sum()),
            "n": len(self.problems),
        }

    def texts(self, problems: Collection[str]) -> dict[str, dict[str, Any]]:
        """Of these problems the first answer whole: prompt, answer, completion, length, stop, verdict, correct."""
        rows = read_columns(self.path, (*NUMBERS, "prompt", "answer", "completion", "verdict"), problems).to_pylist()
        return {row["problem_id"]: row for row in reversed(rows)}


def accuracy_difference(before: Answers, after: Answers) -> tuple[float, float]:
    """Mean paired difference in accuracy over problems that both could be judged on, and its standard error."""
    base = dict(zip(before.problems, before.by_problem(before.correct).tolist(), strict=True))
    pairs = [
        (base[problem], value)
        for problem, value in zip(after.problems, after.by_problem(after.correct).tolist(), strict=True)
        if problem in base and value == value and base[problem] == base[problem]
    ]
    return paired_difference([b for b, _ in pairs], [a for _, a in pairs])


def read_columns(path: Path, columns: Collection[str], problems: Collection[str] | None = None) -> pa.Table:
    """Columns of a parquet file, of all rows or of some problems' only. Errors: UserError naming the file."""
    try:
        chosen = None if problems is None else pc.field("problem_id").isin(list(problems))
        return pq.read_table(path, columns=list(columns), filters=chosen, partitioning=None)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UserError(f"cannot read {path}: {str(error).splitlines()[0]}") from error


def _protocol(told: bytes, path: Path) -> Protocol:
    try:
        return Protocol.from_dict(json.loads(told))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"cannot read the protocol in {path}: {error!r}; evaluate it again") from error


def _over_problems(values: Floats) -> Estimate:
    return bootstrap_mean(values[~np.isnan(values)].tolist())
