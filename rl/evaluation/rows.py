"""The answers of an evaluation: rows in a parquet file, with the protocol they were given under."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewards import Problem, Rollout
from rl.checkpoints import sync
from rl.errors import UserError
from rl.evaluation.protocol import Protocol
from rl.statistics import Estimate, bootstrap_mean

Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("prompt", pa.string()),
        ("answer", pa.string()),
        ("difficulty", pa.string()),
        ("completion", pa.string()),
        ("token_ids", pa.list_(pa.int32())),
        ("length", pa.int32()),
        ("stop", pa.string()),
        ("verdict", pa.string()),
        ("correct", pa.float64()),
    ]
)
"""`sample` counts from 0, `length` is in tokens, EOS counted; `correct` is null where nobody could judge."""
PROTOCOL, MODEL = b"lengthwise.protocol", b"lengthwise.model"
"""Keys of the file's metadata."""


@dataclass(frozen=True)
class Evaluation:
    """What a model answered: the samples of a problem one after the other, in the order of the problems."""

    rows: list[Row]
    protocol: Protocol | None = None
    """None in a file that was written before there were protocols."""
    model: str = field(default="", compare=False)
    """Who answered, by name."""

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {MODEL: self.model.encode()}
        if self.protocol:
            metadata[PROTOCOL] = json.dumps(self.protocol.to_dict()).encode()
        table = pa.Table.from_pylist(self.rows, schema=SCHEMA).replace_schema_metadata(metadata)
        temporary = path.with_name(path.name + ".tmp")
        pq.write_table(table, temporary)
        sync(temporary)
        temporary.rename(path)

    @staticmethod
    def load(path: Path) -> Evaluation:
        """Errors: UserError where the file is no evaluation."""
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
        missing = {"problem_id", "length", "stop", "verdict", "correct"} - set(table.column_names)
        if missing:
            raise UserError(f"{path} is no evaluation: column {min(missing)!r} is missing")
        rows = [{"sample": 0, **row} for row in table.to_pylist()]
        metadata = table.schema.metadata or {}
        protocol = Protocol.from_dict(json.loads(metadata[PROTOCOL])) if PROTOCOL in metadata else None
        return Evaluation(rows, protocol, metadata.get(MODEL, b"").decode())

    def judged(self) -> list[Row]:
        """The rows that the verifier could judge: a crash of ours counts neither way."""
        return [row for row in self.rows if row["correct"] is not None]

    def accuracy(self) -> Estimate:
        """Mean over problems of their mean over samples; resampled by problem."""
        return _over_problems(self.judged(), lambda row: row["correct"])

    def tokens(self) -> Estimate:
        return _over_problems(self.rows, lambda row: row["length"])

    def truncated(self) -> Estimate:
        return _over_problems(self.rows, lambda row: float(row["stop"] == "length"))

    def summary(self) -> dict[str, Any]:
        """Means with 95 % bootstrap intervals over problems; accuracy and truncated are fractions."""
        accuracy, tokens, truncated = self.accuracy(), self.tokens(), self.truncated()
        return {
            "accuracy": accuracy.mean,
            "accuracy_interval": [accuracy.low, accuracy.high],
            "mean_tokens": tokens.mean,
            "mean_tokens_interval": [tokens.low, tokens.high],
            "truncated": truncated.mean,
            "unjudged": len(self.rows) - len(self.judged()),
            "n": len(by_problem(self.rows)),
        }


def _over_problems(rows: Sequence[Row], value: Callable[[Row], float]) -> Estimate:
    """The samples of a problem stay together: they are no independent draws of how hard problems are."""
    return bootstrap_mean(means(rows, value))


def means(rows: Sequence[Row], value: Callable[[Row], float]) -> list[float]:
    """The mean of each problem's rows."""
    return [fmean(map(value, group)) for group in by_problem(rows).values()]


def by_problem(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    """The rows of each problem, in order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["problem_id"], []).append(row)
    return groups


def row_of(problem: Problem, sample: int, rollout: Rollout) -> Row:
    """One row; the prompt is the last turn of a chat."""
    return {
        "problem_id": problem.id,
        "sample": sample,
        "prompt": problem.prompt if isinstance(problem.prompt, str) else problem.prompt[-1]["content"],
        "answer": problem.answer,
        "difficulty": str(problem.columns.get("difficulty", problem.columns.get("level", ""))),
        "completion": rollout.text,
        "token_ids": list(rollout.token_ids),
        "length": rollout.length,
        "stop": rollout.stop,
        "verdict": str(rollout.verdict),
        "correct": rollout.raw_reward,
    }
