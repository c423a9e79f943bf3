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
        ({"choices": COLOURS, "answer": ["B"]}, "B"),
        ({"choices": "['red'\n 'green' 'blue']", "answer": "2"}, "C"),
        ({"choices": [{"label": "A", "text": "red"}, {"label": "B", "text": "green"}], "answerKey": "B"}, "B"),
        ({"choices": ["none", "The answer is red"], "answer": "The answer is red"}, "B"),
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
        (4, "4 is no letter, index from 0 or text of the 3 choices"),
        (3, "3 is no index from 0 of the 3 choices; do they begin at 1"),
        ("D", "'D' is no letter"),
        ("pink", "'pink' is no letter"),
        (["red", "green"], "holds no letter, index or text"),
    ],
)
def test_an_answer_that_is_no_choice_is_named(answer: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"row 1: column 'answer'.* {message}|row 1: column 'answer' {message}"):
        load({"question": "Which?", "choices": COLOURS, "answer": answer}, tmp_path)


@pytest.mark.parametrize("value", ["a ) red , b ) green", ["red"], [["red"], ["green"]], {"A": "red"}])
def test_choices_that_cannot_be_read_are_named_instead_of_passed_over(value: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="row 1: column 'options' holds no choices"):
        load({"question": "Which?", "options": value, "answer": "1"}, tmp_path)


def test_a_column_called_options_may_be_said_to_hold_no_choices(verifier: MathVerifier, tmp_path: Path) -> None:
    row = {"question": "1+1?", "options": {"temperature": 1}, "answer": "2"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    source = SourcePart(str(tmp_path / "rows.jsonl"), {"choices": ""})
    assert load_problems(source, PromptPart(), verifier).problems[0].answer == "2"


def test_a_column_of_choices_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"question": "Which?", "answer": "B"}))
    with pytest.raises(UserError, match="row 1: column 'picks' holds no choices"):
        load_problems(SourcePart(str(tmp_path / "rows.jsonl"), {"choices": "picks"}), PromptPart(), MultipleChoice())


def test_indices_that_begin_at_one_are_refused_and_one_that_is_wrong_is_left_out(tmp_path: Path) -> None:
    def rows(*indices: int) -> SourcePart:
        lines = [
            json.dumps({"question": f"{place}?", "choices": COLOURS, "answer": i}) for place, i in enumerate(indices)
        ]
        (tmp_path / "rows.jsonl").write_text("\n".join(lines))
        return SourcePart(str(tmp_path / "rows.jsonl"))

    with pytest.raises(UserError, match=r"row 3: .*do they begin at 1"):
        load_problems(rows(1, 2, 3, 1), PromptPart(), MultipleChoice())
    found = load_problems(rows(0, 1, 3, 2), PromptPart(), MultipleChoice())
    assert ([p.answer for p in found.problems], found.left_out) == (["A", "B", "C"], {"unreadable answer": 1})


def test_an_answer_that_may_be_two_choices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="both an index and another choice's text"):
        load({"question": "Which?", "choices": ["1", "2", "0"], "answer": "2"}, tmp_path)


def test_a_verifier_that_cannot_judge_letters_is_told_of(verifier: MathVerifier, tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": COLOURS, "answer": 0}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError, match="verifier 'math' does not judge; write `verifier: choice`"):
        load_problems(SourcePart(str(tmp_path / "rows.jsonl")), PromptPart(), verifier)
