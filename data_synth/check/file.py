"""A whole file: every row checked, and the set as a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from data_synth.check.duplicates import Contamination, Duplicates
from data_synth.check.fairness import GoldDepth, LinkDepth, LinkOrder, LinkRank, OverSet, SetResult, Shortcuts
from data_synth.check.guessers import GUESSERS
from data_synth.check.parsed import QUESTIONS, Parsed, parse
from data_synth.check.questions import answer_places, second_evidence
from data_synth.check.row import Fault, Limits, check_row
from data_synth.check.rows import BATCH, BadFile, Row
from data_synth.check.tokens import load_counter

SHOWN = 10
"""Failing rows that a report names for each check."""


@dataclass
class Verdict:
    """What was found in a set of rows."""

    rows: int = 0
    failed: int = 0
    """Rows with at least one fault."""
    counts: Counter[str] = field(default_factory=Counter)
    """Rows that failed each check."""
    first: list[dict[str, Any]] = field(default_factory=list)
    """The first `SHOWN` failing rows of each check: number from 0, id, check and reason."""
    over_set: list[SetResult] = field(default_factory=list)
    answer_in_gold: int = 0
    answer_elsewhere: int = 0
    """Rows whose answer stands in a gold document, and in another one: reported, no fault."""
    second_evidence: int = 0
    """Rows in which another document may stand in for a gold one: reported, no fault."""
    with_question: int = 0

    @property
    def passed(self) -> bool:
        return self.failed == 0 and all(result.passed is not False for result in self.over_set)

    def note(self, number: int, row: Row, faults: Sequence[Fault]) -> None:
        """Count a row and its faults."""
        self.rows += 1
        self.failed += bool(faults)
        for check, reason in {fault.check: fault.reason for fault in reversed(faults)}.items():
            self.counts[check] += 1
            if self.counts[check] <= SHOWN:
                self.first.append({"row": number, "id": row.id, "check": check, "reason": reason})

    def to_dict(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "rows": self.rows,
            "failed_rows": self.failed,
            "faults": dict(sorted(self.counts.items())),
            "first": self.first,
            "set": {r.name: {"passed": r.passed, "detail": r.detail, **r.numbers} for r in self.over_set},
            "answer_in_gold": _share(self.answer_in_gold, self.with_question),
            "answer_elsewhere": _share(self.answer_elsewhere, self.with_question),
            "second_evidence": _share(self.second_evidence, self.with_question),
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def verify(
    rows: Iterable[Row],
    limits: Limits | None = None,
    tokenizer: str | None = None,
    tests: Sequence[Path] = (),
    evaluations: Sequence[Path] = (),
    any_position: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Verdict:
    """Check rows one by one and as a set; memory grows by about 2 KB a row.

    `tokenizer` counts in place of the one a row names. `tests` are files of rows whose gold documents
    these rows may not have, `evaluations` any files whose texts they may not quote. `any_position`:
    gold documents need not be spread evenly. `advance` is told after each batch how many rows it had.
    Errors: BadFile, UnknownTokenizer.
    """
    verdict, limits = Verdict(), limits or Limits()
    duplicates, contamination = Duplicates(), Contamination(tests, evaluations)
    fairness: list[OverSet] = [
        LinkOrder(),
        LinkRank(),
        LinkDepth(),
        *map(Shortcuts, GUESSERS),
        *([] if any_position else [GoldDepth()]),
    ]
    for number, (parsed, tokens) in enumerate(counted(rows, tokenizer, advance)):
        faults = check_row(parsed, tokens, limits)
        faults += [*duplicates.add(number, parsed), *contamination.add(number, parsed)]
        verdict.note(number, parsed.row, faults)
        if parsed.row.task in QUESTIONS:
            inside, elsewhere = answer_places(parsed)
            verdict.with_question += 1
            verdict.answer_in_gold += bool(inside)
            verdict.answer_elsewhere += bool(elsewhere)
            verdict.second_evidence += bool(second_evidence(parsed))
        for check in fairness:
            check.add(parsed)
    if not verdict.rows:
        raise BadFile("there are no rows")
    verdict.over_set = [check.result() for check in fairness] + [duplicates.result()]
    return verdict


def counted(
    rows: Iterable[Row], tokenizer: str | None, advance: Callable[[int], object] | None = None
) -> Iterator[tuple[Parsed, int]]:
    """Each row taken apart, with the tokens of its whole prompt."""
    for batch in _batches(rows):
        tokens = count_tokens(batch, tokenizer)
        for row, count in zip(batch, tokens, strict=True):
            yield parse(row), count
        if advance:
            advance(len(batch))


def count_tokens(rows: Sequence[Row], tokenizer: str | None) -> list[int]:
    """Tokens of each row's whole prompt, by its own tokenizer or by `tokenizer`."""
    counts = [0] * len(rows)
    names = {row.tokenizer for row in rows}
    for name in sorted(names):
        places = [i for i, row in enumerate(rows) if row.tokenizer == name]
        found = load_counter(tokenizer or name)([rows[i].whole for i in places])
        for place, count in zip(places, found, strict=True):
            counts[place] = count
    return counts


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch
