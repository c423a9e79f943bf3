"""The answers of an evaluation: rows in a parquet file, with the protocol they were given under."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewards import Problem, Rollout, Verdict
from rl.errors import UserError
from rl.evaluation.protocol import Protocol
from rl.folders.sums import note, require_undamaged
from rl.folders.whole import whole_file
from rl.reading import Kind, require_columns, table_of
from rl.statistics import Estimate, bootstrap_mean

Row = dict[str, Any]

KINDS: Mapping[str, Kind] = {
    "problem_id": "text",
    "sample": "number",
    "prompt": "text",
    "lead": "text or null",
    "answer": "text",
    "difficulty": "text or null",
    "completion": "text",
    "token_ids": "numbers",
    "length": "number",
    "stop": "text",
    "verdict": "text",
    "correct": "number or null",
    "force_at": "number",
    "closing": "text or null",
    "thinking": "number",
    "answered": "number",
}

SCHEMA = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("prompt", pa.string()),
        ("lead", pa.string()),
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
"""`sample` counts from 0; `lead` is what the prompt had begun of the thinking (`rewards.thinking`); `length` is in
tokens, EOS counted; `correct` is null where nobody could judge."""
FORCED = pa.schema(
    [
        *SCHEMA,
        ("force_at", pa.int32()),
        ("closing", pa.string()),
        ("thinking", pa.int32()),
        ("answered", pa.int32()),
    ]
)
"""Where thinking was closed by force: at which budget, by which text (null where it had ended by itself), the tokens of
thinking, those of the answer. `length` holds the closing, too."""
PROTOCOL, MODEL = b"lengthwise.protocol", b"lengthwise.model"
"""Keys of the file's metadata."""
VALUES: Mapping[str, set[Any]] = {
    "stop": {"eos", "length", "closed"},
    "verdict": set(Verdict),
    "correct": {0.0, 1.0, None},
}
LEAST = ("problem_id", "length", "stop", "verdict", "correct")
"""Columns without which a file holds no answers."""
NUMBERS = ("problem_id", "difficulty", "length", "stop", "correct")
"""Columns that the statistics need: without texts and tokens a file is small."""
CLOSED = ("closing", "thinking", "answered")
"""And those of thinking that was closed by force."""


@dataclass(frozen=True)
class Evaluation:
    """What a model answered: the samples of a problem one after the other, in the order of the problems."""

    rows: list[Row]
    protocol: Protocol | None = None
    """None in a file that was written before there were protocols."""
    model: str = field(default="", compare=False)
    """Who answered, by name."""
    path: Path | None = field(default=None, compare=False)
    """The file that it was loaded from."""

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {MODEL: self.model.encode()}
        if self.protocol:
            metadata[PROTOCOL] = json.dumps(self.protocol.to_dict()).encode()
        schema = FORCED if self.rows and "force_at" in self.rows[0] else SCHEMA
        table = pa.Table.from_pylist(self.rows, schema=schema).replace_schema_metadata(metadata)
        with whole_file(path) as temporary:
            pq.write_table(table, temporary)
            note(path, temporary)

    @staticmethod
    def load(path: Path, columns: Collection[str] | None = None, required: Collection[str] = LEAST) -> Evaluation:
        """All columns, or some. Errors: UserError where the file is no evaluation, or lacks what is required."""
        require_undamaged(path, "put it back, or delete it and evaluate again")
        table = table_of(path, columns)
        there = {*table.column_names, *(columns or required)}
        kinds = {name: kind for name, kind in KINDS.items() if name in there}
        require_columns(table, kinds, path, "answers of an evaluation")
        for name, known in VALUES.items():
            if name in table.column_names:
                strange = set(table.column(name).unique().to_pylist()) - known
                if strange:
                    raise UserError(f"{path} holds no answers of an evaluation: {name} {strange.pop()!r} is none")
        rows = [{"sample": 0, **row} for row in table.to_pylist()]
        metadata = table.schema.metadata or {}
        try:
            protocol = Protocol.from_dict(json.loads(metadata[PROTOCOL])) if PROTOCOL in metadata else None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read the protocol in {path}: {error!r}; evaluate it again") from error
        return Evaluation(rows, protocol, metadata.get(MODEL, b"").decode(), path)

    @cached_property
    def problems(self) -> list[str]:
        """Each problem once, sorted, so that two models' answers stand beside each other."""
        return sorted(by_problem(self.rows))

    def judged(self) -> list[Row]:
        """The rows that the verifier could judge: a crash of ours counts neither way."""
        return [row for row in self.rows if row["correct"] is not None]

    @cached_property
    def accuracy_of(self) -> dict[str, float]:
        """The mean over the samples of each problem that could be judged."""
        return means(self.judged(), lambda row: row["correct"])

    @cached_property
    def tokens_of(self) -> dict[str, float]:
        """The mean over the samples of each problem."""
        return means(self.rows, lambda row: row["length"])

    # The samples of a problem stay together: they are no independent draws of how hard problems are.
    @cached_property
    def accuracy(self) -> Estimate:
        """Mean over problems of their mean over samples; resampled by problem."""
        return bootstrap_mean(list(self.accuracy_of.values()))

    @cached_property
    def tokens(self) -> Estimate:
        return bootstrap_mean(list(self.tokens_of.values()))

    @cached_property
    def truncated(self) -> Estimate:
        known = [row for row in self.rows if row["stop"] != "unknown"]  # of another tool's log
        return bootstrap_mean(list(means(known, lambda row: float(row["stop"] == "length")).values()))

    def summary(self) -> dict[str, Any]:
        """Means with 95 % bootstrap intervals over problems; accuracy and truncated are fractions."""
        return {
            "accuracy": self.accuracy.mean,
            "accuracy_interval": [self.accuracy.low, self.accuracy.high],
            "mean_tokens": self.tokens.mean,
            "mean_tokens_interval": [self.tokens.low, self.tokens.high],
            "truncated": self.truncated.mean,
            "unjudged": len(self.rows) - len(self.judged()),
            "n": len(self.problems),
        }


def means(rows: Sequence[Row], value: Callable[[Row], float]) -> dict[str, float]:
    """The mean of each problem's rows."""
    return {problem: fmean(map(value, group)) for problem, group in by_problem(rows).items()}


def by_problem(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    """The rows of each problem, in order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["problem_id"], []).append(row)
    return groups


def lead_of(row: Row) -> str:
    """What the row's prompt had begun; nothing in a file that was written before this was looked at."""
    return row.get("lead") or ""


def row_of(problem: Problem, sample: int, rollout: Rollout) -> Row:
    """One row; the prompt is the last turn of a chat."""
    return {
        "problem_id": problem.id,
        "sample": sample,
        "prompt": problem.prompt if isinstance(problem.prompt, str) else problem.prompt[-1]["content"],
        "lead": rollout.lead,
        "answer": problem.answer,
        "difficulty": str(problem.columns.get("difficulty", problem.columns.get("level", ""))),
        "completion": rollout.text,
        "token_ids": list(rollout.token_ids),
        "length": rollout.length,
        "stop": rollout.stop,
        "verdict": str(rollout.verdict),
        "correct": rollout.raw_reward,
    }
