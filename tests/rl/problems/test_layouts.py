"""Layouts that people's files have: rows written by hand with the columns of each."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rewards.verifier import MathVerifier
from rewards.verifier.exact import ExactMatch
from rl.errors import UserError
from rl.plugins import load_verifier
from rl.problems.data import ProblemSet, load_problems, problems_of
from rl.recipe.parts import PromptPart, SourcePart

ASKED = [{"role": "user", "content": "2+3?"}]
PROOF = "By induction on the number of vertices every such graph has a colouring with three colours."


def load(rows: list[Any], folder: Path, verifier: Any, form: PromptPart | None = None, **part: Any) -> ProblemSet:
    (folder / "rows.json").write_text(json.dumps(rows))
    return load_problems(SourcePart(str(folder / "rows.json"), **part), form or PromptPart(), verifier)


LAYOUTS: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "verl": (
        {"data_source": "x", "prompt": ASKED, "reward_model": {"style": "rule", "ground_truth": "5"},
         "solution": r"First \boxed{7}.", "extra_info": {"answer": "long"}},
        "5",
        {"problem": "prompt", "answer": "reward_model.ground_truth"},
    ),
    "verl with a list": (
        {"prompt": ASKED, "reward_model": {"ground_truth": ["$5$"]}},
        "$5$",
        {"problem": "prompt", "answer": "reward_model.ground_truth"},
    ),
    "verl with a list as a text": (
        {"prompt": ASKED, "reward_model": {"ground_truth": '["5"]'}},
        "5",
        {"problem": "prompt", "answer": "reward_model.ground_truth"},
    ),
    "verl in a table of texts": (
        {"prompt": str(ASKED), "reward_model": "{'ground_truth': '5', 'style': 'rule'}"},
        "5",
        {"problem": "prompt", "answer": "reward_model.ground_truth"},
    ),
    "from and value": (
        {"prompt": [{"from": "human", "value": "2+3?"}], "final_answer": "5"},
        "5",
        {"problem": "prompt", "answer": "final_answer"},
    ),
    "a conversation with its solution": (
        {"conversations": [{"from": "human", "value": "2+3?"}, {"from": "gpt", "value": r"It is \boxed{5}."}]},
        "5",
        {"problem": "conversations", "answer": "conversations[-1].value"},
    ),
    "messages": (
        {"messages": ASKED, "ground_truth": "5", "dataset": "x"}, "5", {"problem": "messages", "answer": "ground_truth"},
    ),
    "NuminaMath": (
        {"problem": "2+3?", "solution": r"$2+3=\boxed{5}$", "messages": [*ASKED, {"role": "assistant", "content": "5"}]},
        "5",
        {"problem": "problem", "answer": "solution"},
    ),
    "OpenR1": (
        {"problem": "2+3?", "solution": r"\boxed{6}", "answer": "5", "generations": ["a", "b"], "messages": ASKED},
        "5",
        {"problem": "problem", "answer": "answer"},
    ),
    "DeepScaleR": (
        {"problem": "2+3?", "answer": "5", "solution": "Add them."}, "5", {"problem": "problem", "answer": "answer"},
    ),
    "sentences beside an answer": (
        {"question": "2+3?", "answer": PROOF, "ground_truth": "5"}, "5", {"problem": "question", "answer": "ground_truth"},
    ),
    "a text as a context": (
        {"context": "Ann has 2 pens and gets 3.", "question": "How many?", "answer": "5"},
        "5",
        {"problem": "context + question", "answer": "answer"},
    ),
    "a list as numpy prints it": (
        {"problem": "2+3?", "answer": "['5']", "choices": None}, "5", {"problem": "problem", "answer": "answer"},
    ),
    "a small number": (
        {"problem": "2+3?", "answer": 5e-05}, "0.00005", {"problem": "problem", "answer": "answer"},
    ),
    "a large number in a table of texts": (
        {"problem": "2+3?", "answer": "-2.5e+16"}, "-25000000000000000", {"problem": "problem", "answer": "answer"},
    ),
    "ASDiv": (
        {"body": "Ann has 2 pens and gets 3.", "question": "How many?", "answer": "5 (pens)", "formula": "2+3=5"},
        "5",
        {"problem": "body + question", "answer": "answer"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read_as_it_is_and_says_which_columns_were_taken(
    name: str, verifier: MathVerifier, tmp_path: Path
) -> None:
    row, answer, columns = LAYOUTS[name]
    found = load([row], tmp_path, verifier)
    assert [p.answer for p in found.problems] == [answer]
    assert found.columns == columns
    told = {
        "ASDiv": "Ann has 2 pens and gets 3. How many?",
        "a text as a context": "Ann has 2 pens and gets 3.\nHow many?",
    }
    text = told.get(name, "2+3?")
    assert found.problems[0].prompt == [{"role": "user", "content": text}]


def test_a_row_may_be_its_turns_alone(verifier: MathVerifier, tmp_path: Path) -> None:
    row = [{"from": "human", "value": "2+3?"}, {"from": "assistant", "ground_truth": {"value": "5"}}]
    found = load([row], tmp_path, verifier)
    assert [(p.prompt, p.answer) for p in found.problems] == [(ASKED, "5")]


@pytest.mark.parametrize(
    ("path", "answer"),
    [("reward_model.ground_truth", "1"), ("extra_info.answer", "2"), ("answers[0]", "3"), ("answers[-1]", "4"), ("a.b", "6")],
)  # fmt: skip
def test_a_path_leads_to_a_value_inside_a_row(path: str, answer: str, verifier: MathVerifier, tmp_path: Path) -> None:
    row = {"problem": "?", "reward_model": {"ground_truth": "1"}, "extra_info": {"answer": "2"},
           "answers": ["3", "4"], "a.b": "6", "a": {"b": "5"}}  # fmt: skip
    found = load([row], tmp_path, verifier, columns={"answer": path})
    assert [p.answer for p in found.problems] == [answer]
    assert found.columns["answer"] == path


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"problem": "?", "answer": {"value": "5"}}, r"holds an object; write .*answer: 'answer\.value'"),
        ({"problem": "?", "answer": "{'value': '5'}"}, r"holds an object as a text; .*answer: 'answer\.value'"),
        ({"problem": "?", "answer": ["5", "6"]}, r"holds 2 answers; .*answer: 'answer\[0\]'"),
        ({"problem": "?", "answer": [["5"]]}, r"holds a list of lists .*'answer\[0\]\[0\]'"),
        ({"problem": {"text": "?"}, "answer": "5"}, r"neither a text nor turns .*problem: 'problem\.text'"),
        ({"problem": ["?"], "answer": "5"}, r"neither a text nor turns .*problem: 'problem\[0\]'"),
        ({"problem": "?", "answer": "['5' '6']"}, r"holds 2 answers; .*answer: 'answer\[0\]'"),
        ({"problem": "?", "answer": float("inf")}, "holds inf; write infinity as a text"),
        ({"prompt": [{"role": "user", "content": [{"type": "image"}]}], "answer": "5"}, "parts that are no text"),
        ({"problem": 5, "answer": "5"}, "neither a text nor turns of a chat; map another"),
        ({"prompt": ASKED, "reward_model": {"ground_truth": {"target": 9, "numbers": [3, 3]}}}, "ground_truth.target"),
    ],
)  # fmt: skip
def test_an_object_or_a_list_is_never_a_problem_or_an_answer(
    row: dict[str, Any], message: str, verifier: MathVerifier, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"row 1: .*{message}"):
        load([row], tmp_path, verifier)


def test_what_is_no_text_or_number_is_refused_by_its_kind(verifier: MathVerifier) -> None:
    rows = [
        {"problem": "When?", "answer": date(2020, 1, 3)},
        {"problem": "1+1", "answer": b"2"},
        {"problem": "2", "answer": 2},
    ]
    found = problems_of(rows, SourcePart("mine"), PromptPart(), verifier)
    assert ([p.answer for p in found.problems], found.unreadable) == (["2"], 2)
    with pytest.raises(UserError, match="row 1: column 'answer' holds a date, not a text or a number"):
        problems_of(rows, SourcePart("mine", strict=True), PromptPart(), verifier)


def test_words_for_nothing_are_answers_to_verifiers_of_texts(tmp_path: Path) -> None:
    assert load([{"problem": "Which?", "answer": "None"}], tmp_path, ExactMatch()).problems[0].answer == "None"


@pytest.mark.parametrize("path", ["answer[", "answer[x]", "answer..b", "answer]", ".answer"])
def test_a_path_that_is_none_leads_nowhere(path: str, verifier: MathVerifier, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="row 1: a problem without answer"):
        load([{"problem": "?", "answer": ["5"]}], tmp_path, verifier, columns={"answer": path})


def test_a_role_that_does_not_exist_is_named(verifier: MathVerifier, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown column role 'probem'.*did you mean 'problem'"):
        load([{"problem": "?", "answer": "5"}], tmp_path, verifier, columns={"probem": "x"})


@pytest.mark.parametrize(
    "row",
    [
        {"problem": "Colour it.", "answer": PROOF},
        {"problem": "Solve.", "solution": "We add both sides, so $x=1$."},
    ],
)
def test_sentences_in_which_nothing_marks_an_answer_are_unreadable(
    row: dict[str, Any], verifier: MathVerifier, tmp_path: Path
) -> None:
    found = load([row, {"problem": "2+3?", "answer": "5"}], tmp_path, verifier)
    assert (len(found.problems), found.left_out) == (1, {"unreadable answer": 1})


def test_an_object_among_answers_is_left_out_as_unreadable(verifier: MathVerifier, tmp_path: Path) -> None:
    rows = [{"problem": "2+3?", "answer": "5"}, {"problem": "2+4?", "answer": ["6", "7"]}]
    assert load(rows, tmp_path, verifier).left_out == {"unreadable answer": 1}


@pytest.mark.parametrize("answer", [None, "", "  ", float("nan"), "proof", "notfound", "None", "nan"])
def test_a_row_without_an_answer_is_left_out_and_counted_or_with_strict_an_error(
    answer: Any, verifier: MathVerifier, tmp_path: Path
) -> None:
    rows = [{"problem": "2+3?", "answer": "5"}, {"problem": "2+4?", "answer": answer, "solution": ""}]
    found = load(rows, tmp_path, verifier)
    assert ([p.answer for p in found.problems], found.left_out) == (["5"], {"no answer": 1})
    with pytest.raises(UserError, match="row 2: "):
        load(rows, tmp_path, verifier, strict=True)


def test_a_strict_source_names_the_row_of_an_answer_that_cannot_be_read(verifier: MathVerifier, tmp_path: Path) -> None:
    rows = [{"problem": "2+3?", "answer": "5"}, {"problem": "?", "answer": "$$"}]
    with pytest.raises(UserError, match=r"row 2: the verifier cannot read the answer '\$\$'"):
        load(rows, tmp_path, verifier, strict=True)


IDS = ["ff4ab6a609fe7462", "02d753b8f3c6e6d7", "2510ca9e5af49150", "eb7dcb73baf75c13", "2c89f1b05bb1c8c6"]


def test_ids_are_those_of_before_layouts_were_known(verifier: MathVerifier, tmp_path: Path) -> None:
    rows = [
        {"problem": "1/2 of 1", "answer": r"\frac{1}{2}", "level": "hard"},
        {"question": "How many?", "answer": "600*2=1200.\n#### 1,200"},
        {"prompt": [{"content": "2+3?", "role": "user"}], "answer": 5},
        {"ID": "a", "Body": "Ann has 3 pens.", "Question": "How many?", "Answer": 3.0},
        {"question": "Find both.", "final_answer": ["$1$", "$2$"], "context": "Let $x>0$."},
    ]
    assert [p.id for p in load(rows, tmp_path, verifier).problems] == IDS


def test_rows_of_reasoning_gym_need_its_judge_or_a_column_by_name(verifier: MathVerifier, tmp_path: Path) -> None:
    row = {"question": "Make 5 of 2 and 3.", "answer": "2+3", "metadata": {"source_dataset": "countdown", "target": 5}}
    with pytest.raises(UserError, match="'countdown' has a judge of its own; write `verifier: reasoning-gym`"):
        load([row], tmp_path, verifier)
    assert load([row], tmp_path, verifier, columns={"answer": "answer"}).problems[0].answer == "2+3"
    gold = load([row], tmp_path, load_verifier("reasoning-gym", {})).problems[0].answer
    assert json.loads(gold) == {"answer": "2+3", "metadata": row["metadata"]}
