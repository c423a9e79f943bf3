"""Layouts: which columns of a row are the problem, the answer and the choices.

Published layouts differ in names alone, so each is a line in a list of names, most specific first; what a recipe maps
goes before all of them. `layout_of` finds the columns, `rl.problems.golds` makes an answer of their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rl.errors import UserError, unknown
from rl.problems.choices import Choices, choices_of
from rl.problems.files import Row
from rl.problems.golds import LONG, LONG_SOLUTION, NoAnswer, gold_text, is_prose, whole_number, without_units
from rl.problems.paths import a_path_into, is_missing, opened, paths_of, there, value_at
from rl.problems.prompts import has_other_parts, turns_of

ROLES = ("problem", "answer", "choices")
STORIES = (("Body", "Question"), ("body", "question"))
"""SVAMP and ASDiv: the story and its question are two columns."""
CONTEXTS = ("context", "passage")
"""Texts that a question is about; they go before it."""
ASKS = ("question", "Question")
JOINED = " + "
PROBLEMS = ("problem", "question", "prompt", "Problem", "Question")
TURNS = ("messages", "conversations", "conversation")
ANSWERS = ("answer", "ground_truth", "Answer", "final_answer", "expected_answer", "solution", "Solution")
GROUND_TRUTH = "reward_model.ground_truth"
CHOICES = ("choices", "options")
LETTERS = (
    GROUND_TRUTH,
    "answer_index",
    "answerKey",
    "answer_idx",
    "answer",
    "correct",
    "label",
    "target",
    "ground_truth",
)
"""Columns that say which choice is right."""
SOLUTIONS = ("solution", "Solution")
UNANSWERED = ("proof", "notfound")
"""What NuminaMath writes where there is no final answer."""


@dataclass(frozen=True)
class Layout:
    """What a row asks, and where it came from."""

    asked: str | list[dict[str, str]]
    problem: str
    """The column, or the path, of the problem."""
    answer: str | None
    """That of the answer; None where the row has none."""
    choices: str | None = None
    shown: Choices | None = None
    story: bool = False
    """Whether the problem is a story and its question."""
    wanted: str = ""
    """Where an answer was looked for, if there is none."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Which column was taken for what."""
        found = {"problem": self.problem, "answer": self.answer, "choices": self.choices}
        return {role: column for role, column in found.items() if column}

    def gold(self, row: Row) -> str:
        """The gold answer. Errors: NoAnswer with the reason."""
        if self.answer is None:
            raise NoAnswer(
                f"a problem without answer: no value in column {self.wanted}; map it under `columns` "
                f"(there are: {_there(row)})"
            )
        value = value_at(row, self.answer)
        if self.shown is not None:
            return self.shown.letter(value, self.answer)
        last = self.answer.rpartition(".")[2]
        if last == "Answer" or self.story:
            value = whole_number(value)
        joined = last == "final_answer" or bool(row.get("is_multiple_answer"))
        text = gold_text(value, self.answer, joined)
        text = without_units(text) if self.story else text
        if not text or (text in UNANSWERED and "solution" in row):
            raise NoAnswer(f"column {self.answer!r} holds no final answer (a #### line or a \\boxed{{}})")
        return text

    def is_prose(self, row: Row) -> bool:
        """Whether the answer is sentences in which nothing marks a final answer."""
        return self.answer is not None and self.shown is None and _prose(row, self.answer)


def layout_of(row: Row, columns: Mapping[str, str], where: str) -> Layout:
    """The columns of a row. Errors: UserError naming the row where there is no problem."""
    for role in columns:
        if role not in ROLES:
            raise unknown("column role", role, ROLES, where)
    asked, problem = _problem(row, columns.get("problem"), where)
    choices, shown = _choices(row, columns.get("choices"), where)
    story = tuple(problem.split(JOINED)) in STORIES
    if "answer" in columns:
        names: tuple[str, ...] = (columns["answer"],)
    elif shown is not None:
        names = LETTERS
    else:
        # OlympiadBench calls its problem a question; elsewhere `answer` goes first.
        first = ("final_answer",) if {"question", "final_answer"} <= row.keys() else ()
        names = (GROUND_TRUTH, *first, *ANSWERS, *_last_turn(row, problem))
    found = list(there(names, row))
    # Sentences and objects are taken only where nothing else is there.
    plain = (n for n in found if shown is not None or not (_prose(row, n) or _is_object(value_at(row, n))))
    answer = next(plain, next(iter(found), None))
    wanted = "" if answer else _wanted(row, names, "answer" in columns)
    # What the model says at the end of a conversation is the solution, not the problem.
    if isinstance(asked, list) and problem in TURNS:
        asked = _before_the_last_answer(asked)
    used = choices if shown is not None else None
    return Layout(asked, problem, answer, used, shown, story, wanted)


def _wanted(row: Row, names: tuple[str, ...], mapped: bool) -> str:
    return " or ".join(map(repr, names[:1] if mapped else [n for n in names if n in row] or names[:4]))


def _problem(row: Row, mapped: str | None, where: str) -> tuple[str | list[dict[str, str]], str]:
    if mapped is None:
        for story in STORIES:
            if story[0] in row and len(list(there(story, row))) == len(story):
                return " ".join(str(row[name]).strip() for name in story), JOINED.join(story)
    # Turns of a chat are what a model is given, whatever a `question` beside them says.
    chat = ("prompt",) if turns_of(row.get("prompt")) else ()
    names = (mapped,) if mapped else (*chat, *PROBLEMS, *TURNS)
    found = next(there(names, row), None)
    if found is None:
        wanted = repr(mapped) if mapped else " or ".join(map(repr, PROBLEMS[:3]))
        raise UserError(
            f"{where}: a problem without problem: no value in column {wanted}; map it under `columns` "
            f"(there are: {_there(row)})"
        )
    value = value_at(row, found)
    inside = opened(value) if isinstance(value, str) else value
    turns = turns_of(inside)
    if turns is not None:
        if not any(turn["content"].strip() for turn in turns):
            raise UserError(f"{where}: column {found!r} holds a chat in which nobody says anything; remove the row")
        return turns, found
    if has_other_parts(value):
        raise UserError(f"{where}: column {found!r} holds parts that are no text, such as images; models here get text")
    if not isinstance(value, str) or isinstance(inside, dict):
        path = a_path_into(inside, found)
        write = "map another" if path == found else f"write a path, such as `columns: {{problem: '{path}'}}`"
        raise UserError(f"{where}: column {found!r} holds neither a text nor turns of a chat; {write}")
    before = None if mapped or found not in ASKS else next((n for n in CONTEXTS if _adds(row.get(n), value)), None)
    return (value, found) if before is None else (f"{row[before]}\n{value}", f"{before}{JOINED}{found}")


def _adds(context: Any, question: str) -> bool:
    return isinstance(context, str) and not is_missing(context) and opened(context) is None and context not in question


def _choices(row: Row, mapped: str | None, where: str) -> tuple[str | None, Choices | None]:
    if mapped == "":
        return None, None
    name = mapped or next(there(CHOICES, row), None)
    if name is None:
        return None, None
    found = choices_of(value_at(row, name))
    if found is None:
        raise UserError(
            f"{where}: column {name!r} holds no choices that can be read; make it a list of two to 26 texts, "
            "or write `columns: {choices: ''}` where there are none"
        )
    return name, found


def _last_turn(row: Row, problem: str) -> tuple[str, ...]:
    """Where the last turn may hold the answer: beside its text, or in it."""
    turns = turns_of(row.get(problem)) if problem in TURNS else None
    if not turns or turns[-1]["role"] != "assistant":
        return ()
    return tuple(f"{problem}[-1].{name}" for name in ("ground_truth.value", "ground_truth", "content", "value"))


def _before_the_last_answer(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    return turns[:-1] if len(turns) > 1 and turns[-1]["role"] == "assistant" else turns


def _prose(row: Row, name: str) -> bool:
    solution = name in SOLUTIONS or name.endswith(("].content", "].value"))
    return is_prose(value_at(row, name), LONG_SOLUTION if solution else LONG)


def _is_object(value: Any) -> bool:
    return isinstance(opened(value) if isinstance(value, str) else value, Mapping)


def _there(row: Row) -> str:
    return ", ".join(map(repr, paths_of(row))) or "none"
