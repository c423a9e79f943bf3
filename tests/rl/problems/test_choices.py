"""Multiple choice: letters, indices and texts as answers, and choices in the prompt."""

import json
from pathlib import Path
from typing import Any

import pytest

from rewards.verifier import MathVerifier
from rewards.verifier.choice import MultipleChoice
from rl.errors import UserError
from rl.problems.data import ProblemSet, load_problems
from rl.recipe.parts import PromptPart, SourcePart

COLOURS = ["red", "green", "blue"]


def load(row: dict[str, Any], folder: Path, form: PromptPart | None = None) -> ProblemSet:
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    return load_problems(SourcePart(str(folder / "rows.jsonl")), form or PromptPart(), MultipleChoice())


@pytest.mark.parametrize(
    ("row", "letter"),
    [
        ({"choices": COLOURS, "answer": 2}, "C"),
        ({"choices": COLOURS, "answer": 2.0}, "C"),
        ({"choices": COLOURS, "answer": "2"}, "C"),
        ({"choices": COLOURS, "answer": "B"}, "B"),
        ({"choices": COLOURS, "answer": "(b)"}, "B"),
        ({"choices": COLOURS, "answer": "green"}, "B"),
        ({"choices": COLOURS, "answer": r"So \boxed{C}."}, "C"),
        ({"options": COLOURS, "answer": "green", "answer_index": 1}, "B"),
        ({"options": {"A": "red", "B": "green", "C": "blue", "D": None}, "answer": "green", "answer_idx": "B"}, "B"),
        ({"choices": {"text": COLOURS, "label": ["1", "2", "3"]}, "answerKey": "3"}, "C"),
        ({"options": ["A)red", "B)green", "C)blue"], "correct": "B"}, "B"),
        ({"choices": "['red', 'green', 'blue']", "answer": "0"}, "A"),
        ({"choices": ["0", "4", "2"], "answer": 2}, "C"),
        ({"choices": [7, 4, 9], "answer": 9}, "C"),
    ],
)
def test_an_index_a_letter_or_a_text_is_the_letter_of_its_choice(
    row: dict[str, Any], letter: str, tmp_path: Path
) -> None:
    found = load({"question": "Which?", **row}, tmp_path)
    assert [p.answer for p in found.problems] == [letter]
    assert found.columns["choices"] in row


def test_choices_are_shown_by_a_template_where_the_problem_does_not_show_them(tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": COLOURS, "answer": 0}
    (shown,) = load(row, tmp_path, PromptPart("Q: {problem}", choices="{problem}\n{choices}")).problems
    assert shown.prompt == [{"role": "user", "content": "Q: Which?\nA) red\nB) green\nC) blue"}]
    (plain,) = load({**row, "question": "Which? (A) red (B) green (C) blue"}, tmp_path).problems
    assert plain.prompt == [{"role": "user", "content": "Which? (A) red (B) green (C) blue"}]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (3, "3 is no letter, index from 0 or text of the 3 choices"),
        ("D", "'D' is no letter"),
        ("pink", "'pink' is no letter"),
        (["red"], "holds no letter, index or text"),
    ],
)
def test_an_answer_that_is_no_choice_is_named(answer: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"row 1: column 'answer'.* {message}|row 1: column 'answer' {message}"):
        load({"question": "Which?", "choices": COLOURS, "answer": answer}, tmp_path)


def test_an_answer_that_may_be_two_choices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="both an index and another choice's text"):
        load({"question": "Which?", "choices": ["1", "2", "0"], "answer": "2"}, tmp_path)


def test_a_verifier_that_cannot_judge_letters_is_told_of(verifier: MathVerifier, tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": COLOURS, "answer": 0}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError, match="verifier 'math' does not judge; write `verifier: choice`"):
        load_problems(SourcePart(str(tmp_path / "rows.jsonl")), PromptPart(), verifier)
