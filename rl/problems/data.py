"""Problems from any source: read, brought into one form, checked; what cannot be trained on is left out and counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rewards import Problem
from rewards.verifier import MathVerifier, Verifier
from rewards.verifier.function import FunctionVerifier
from rewards.verifier.gym import ReasoningGym, gold
from rewards.verifier.numeric import NumericTolerance
from rl.bulk import uncollected
from rl.errors import UserError
from rl.plugins import readable
from rl.problems.choices import FromOne
from rl.problems.files import Row, rows_of
from rl.problems.golds import NOTHING, NoAnswer, Refused
from rl.problems.layouts import Layout, layout_of
from rl.problems.paths import opened, value_at
from rl.problems.prompts import made, problem_id, question_id, require_places
from rl.recipe.parts import PromptPart, SourcePart

LONGEST = 1 << 23
"""Characters of a problem: some millions of tokens."""
NO_LETTERS = (MathVerifier, NumericTolerance)
"""Verifiers to which a letter is a variable, or nothing."""


@dataclass(frozen=True)
class ProblemSet:
    """Problems ready to train on, how many rows were left out, and which columns were taken."""

    problems: list[Problem]
    source: str
    unreadable: int = 0
    """Answers that the verifier cannot read, objects or several answers, sentences in which nothing marks an answer."""
    duplicates: int = 0
    contents: tuple[str, ...] = ()
    """A hash of each problem's text and answer, whatever the prompt around it."""
    unanswered: int = 0
    """Rows without an answer."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Which column was taken for `problem`, `answer` and `choices`; several where rows differ."""
    questions: tuple[str, ...] = ()
    """A hash of what each problem asks, whatever its answer, spaces and case."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many rows were left out, by reason; reasons without a row are not named."""
        counts = {"no answer": self.unanswered, "unreadable answer": self.unreadable, "copy": self.duplicates}
        return {reason: count for reason, count in counts.items() if count}

    def told(self) -> str:
        """In one line: how many there are, what was left out, and which columns were taken."""
        left_out = "".join(f", {count} left out ({reason})" for reason, count in self.left_out.items())
        taken = ", ".join(f"{role}: {column}" for role, column in self.columns.items())
        return f"{len(self.problems)} problems from {self.source}{left_out}; {taken}"

    def first(self, limit: int | None) -> ProblemSet:
        """Only so many problems."""
        return replace(
            self,
            problems=self.problems[:limit],
            contents=self.contents[:limit],
            questions=self.questions[:limit],
        )

    def also_in(self, other: ProblemSet) -> list[Problem]:
        """The problems that the other set asks, too."""
        there = set(other.questions)
        return [p for p, question in zip(self.problems, self.questions, strict=True) if question in there]


def load_problems(source: SourcePart, prompt: PromptPart, verifier: Verifier, chat: bool = True) -> ProblemSet:
    """Read, normalise, de-duplicate and check one data source.

    A row without a problem is an error that names the row. A row without an answer, or with one that the verifier
    cannot read, is left out and counted, or with `strict` an error, too; a second copy of a problem is left out and
    counted. `chat` says whether the model's tokenizer has a chat template; without one a prompt is plain text.
    """
    with uncollected():
        return problems_of(rows_of(source), source, prompt, verifier, chat)


def problems_of(
    given: Iterable[Row], source: SourcePart, prompt: PromptPart, verifier: Verifier, chat: bool = True
) -> ProblemSet:
    """The same from rows that have been read."""
    require_places(prompt)
    found: dict[str, _Read] = {}
    columns: defaultdict[str, Counter[str]] = defaultdict(Counter)
    without: list[tuple[UserError, NoAnswer]] = []
    rows = 0
    for number, row in enumerate(given, 1):
        rows += 1
        where = f"{source.source}, row {number}"
        layout = layout_of(row, source.columns, where)
        try:
            read = _read(row, number, where, layout, source, prompt, verifier, chat)
        except NoAnswer as reason:
            without.append((UserError(f"{where}: {reason}"), reason))
            if source.strict:
                raise without[0][0] from reason
            continue
        found.setdefault(read.problem.id, read)
        for role, column in layout.columns.items():
            columns[role][column] += 1
    if rows == 0:
        raise UserError(f"{source.source} holds no problems; give a file with one problem a row")
    off_by_one = next((error for error, reason in without if isinstance(reason, FromOne)), None)
    if off_by_one and not any(read.problem.answer == "A" for read in found.values()):
        raise off_by_one
    if not found:
        raise without[0][0]
    kept = _readable(list(found.values()), source, verifier)
    if not kept:
        first = next(iter(found.values())).problem.answer[:60]
        raise UserError(
            f"{source.source}: the verifier can read none of the {rows} answers, such as {first!r}; "
            "are `columns` and `verifier` right?"
        )
    refused = sum(isinstance(reason, Refused) for _, reason in without)
    return ProblemSet(
        [read.problem for read in kept],
        source.source,
        refused + len(found) - len(kept),
        rows - len(without) - len(found),
        tuple(read.content for read in kept),
        len(without) - refused,
        {role: ", ".join(name for name, _ in counts.most_common()) for role, counts in columns.items()},
        tuple(read.question for read in kept),
    )


class _Read(NamedTuple):
    problem: Problem
    content: str
    """A hash of what is asked and answered, whatever the form of the prompt."""
    question: str
    row: int
    prose: bool


def _read(
    row: Row,
    number: int,
    where: str,
    layout: Layout,
    source: SourcePart,
    form: PromptPart,
    verifier: Verifier,
    chat: bool,
) -> _Read:
    """A row as a problem. Errors: NoAnswer; UserError where the verifier is not one for such rows."""
    if is_gym(row) and "answer" not in source.columns:
        answer = _gym_gold(row, where, layout, verifier)
    else:
        answer = layout.gold(row)
    if layout.shown is not None and isinstance(verifier, NO_LETTERS):
        raise UserError(
            f"{where}: a problem with choices is answered by a letter, which verifier {verifier.name!r} does not "
            "judge; write `verifier: choice`"
        )
    if answer in NOTHING and isinstance(verifier, NO_LETTERS):
        raise NoAnswer(f"column {layout.answer!r} holds {answer!r}")
    _require_length(layout.asked, where)
    prompt = made(layout.asked, form, chat, layout.shown)
    prose = layout.is_prose(row) and not isinstance(verifier, FunctionVerifier)
    asked = layout.asked if layout.shown is None else made(layout.asked, PromptPart(), False, layout.shown)
    try:
        problem = Problem(problem_id(prompt, answer), prompt, answer, dict(row))
        content = problem.id if asked == prompt else problem_id(asked, answer)
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise UserError(f"{where}: {half} is half a character, which no Unicode text may hold; mend the row") from error
    return _Read(problem, content, question_id(asked), number, prose)


def _require_length(asked: str | list[dict[str, str]], where: str) -> None:
    """Errors: UserError for a text that no model could take, and no tokenizer either."""
    length = len(asked) if isinstance(asked, str) else sum(len(turn["content"]) for turn in asked)
    if length > LONGEST:
        raise UserError(f"{where}: the problem has {length:,} characters, over {LONGEST:,}; is that one?")


def _readable(found: list[_Read], source: SourcePart, verifier: Verifier) -> list[_Read]:
    """Those whose answers can be judged. Errors: UserError where a strict source has others."""
    can = readable(verifier, [read.problem.answer for read in found])
    judged = [ok and not read.prose for read, ok in zip(found, can, strict=True)]
    if source.strict and not all(judged):
        bad = found[judged.index(False)]
        where, answer = f"{source.source}, row {bad.row}", bad.problem.answer[:80]
        raise UserError(f"{where}: the verifier cannot read the answer {answer!r}; is it marked?")
    return [read for read, ok in zip(found, judged, strict=True) if ok]


def is_gym(row: Row) -> bool:
    """Whether a row is an entry of a reasoning_gym data set."""
    return "question" in row and isinstance(value_at(row, "metadata.source_dataset"), str)


def _gym_gold(row: Row, where: str, layout: Layout, verifier: Verifier) -> str:
    """The whole entry, which the data set's own judge takes."""
    if not isinstance(verifier, ReasoningGym):
        name = value_at(row, "metadata.source_dataset")
        raise UserError(
            f"{where}: an entry of reasoning_gym's {name!r} has a judge of its own; "
            "write `verifier: reasoning-gym`, or `columns: {answer: answer}` to compare with the answer given"
        )
    own = layout.gold(row)
    metadata = row["metadata"]
    entry = {"answer": own, "metadata": opened(metadata) if isinstance(metadata, str) else metadata}
    return own if readable(verifier, [own])[0] else gold(entry)
