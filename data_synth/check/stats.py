"""What a file of rows looks like, in numbers: lengths, depths, chains, answers. Judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_synth.check.chains import heads
from data_synth.check.fairness import gold_depths, link_depths
from data_synth.check.parsed import LINKED, parse
from data_synth.check.rows import BadFile, Row
from data_synth.check.text import normalised

COMMONEST = 5
"""Answers that are listed with their share: what a model gains by always giving one."""


@dataclass
class TaskStats:
    """The rows of one task, one number a row in each list."""

    tokens: list[int] = field(default_factory=list)
    """As the rows say; `verify` counts them again."""
    fill: list[float] = field(default_factory=list)
    """Tokens as a share of the target."""
    documents: list[int] = field(default_factory=list)
    chains: list[int] = field(default_factory=list)
    hops: list[int] = field(default_factory=list)
    answerable: list[int] = field(default_factory=list)
    gold_depths: list[float] = field(default_factory=list)
    """Of each gold document, in [0, 1] of the documents."""
    link_depths: list[float] = field(default_factory=list)
    """Of each link of the true chain, in [0, 1] of the sentence and line ends."""
    answers: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        parsed = parse(row)
        self.tokens.append(row.n_tokens)
        self.fill.append(row.n_tokens / max(1, row.target))
        self.documents.append(len(row.documents))
        self.answers[normalised(row.answer)] += 1
        if parsed.passages:
            self.gold_depths += gold_depths(parsed)
        if row.task == LINKED:
            self.chains.append(len(heads(parsed)))
            self.hops.append(len(row.chain))
            self.answerable.append(sum(distractor.answerable for distractor in row.distractors))
            self.link_depths += link_depths(parsed)[0]

    def to_dict(self) -> dict[str, Any]:
        """Minimum, mean and maximum of each list that is not empty, and the commonest answers."""
        rows = len(self.tokens)
        lists = {name: values for name, values in vars(self).items() if isinstance(values, list) and values}
        return {
            "rows": rows,
            **{name: _summary(values) for name, values in lists.items()},
            "commonest_answers": {answer: count / rows for answer, count in self.answers.most_common(COMMONEST)},
        }


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "mean": sum(values) / len(values), "max": max(values)}


def collect(rows: Iterable[Row]) -> dict[str, TaskStats]:
    """Statistics of each task. Errors: BadFile."""
    tasks: dict[str, TaskStats] = {}
    for row in rows:
        tasks.setdefault(row.task, TaskStats()).add(row)
    if not tasks:
        raise BadFile("there are no rows")
    return dict(sorted(tasks.items()))
