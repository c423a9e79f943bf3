"""What is shown of problems, and what is doubted of golds."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import MathVerifier
from rewards.verifier.choice import MultipleChoice
from rewards.verifier.exact import ExactMatch
from rl.problems.doubts import doubts_of
from rl.problems.look import Look, look
from rl.recipe.parts import PluginPart, PromptPart, SourcePart


def looked(rows: list[Any], folder: Path, judged: str | None = None, tokenizer: Any = None) -> Look:
    (folder / "rows.json").write_text(json.dumps(rows))
    source = SourcePart(str(folder / "rows.json"))
    return look(source, PromptPart(), PluginPart(judged) if judged else None, tokenizer)


def problems(*golds: str, prompt: str = "?", **columns: Any) -> list[Problem]:
    return [Problem(str(place), f"{prompt}{place}", gold, columns) for place, gold in enumerate(golds)]


def test_columns_rows_left_out_and_golds_as_they_are_read_stand_in_the_json(tmp_path: Path) -> None:
    rows = [
        {"question": "Halve 1.", "answer": "1/2"},
        {"question": "Who?", "answer": r"\text{Ann}"},
        {"question": "Nobody?", "answer": None},
        {"question": "Halve 1.", "answer": "1/2"},
    ]
    found = looked(rows, tmp_path).to_dict()
    assert found["columns"] == {"problem": "question", "answer": "answer"}
    assert found["left_out"] == {"no answer": 1, "copy": 1}
    assert [(p["prompt"], p["answer"], p["read_as"]) for p in found["problems"]] == [
        ([{"role": "user", "content": "Halve 1."}], "1/2", "number 1/2"),
        ([{"role": "user", "content": "Who?"}], r"\text{Ann}", "words 'ann'"),
    ]
    assert (found["verifier"], found["warnings"]) == ("math", [])


def test_prompts_are_shown_as_a_chat_template_renders_them_or_as_turns(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    rows = [{"question": "1+1=?", "answer": "2"}]
    chat = looked(rows, tmp_path, tokenizer=tokenizer)
    assert chat.prompts == ["<|im_start|>user\n1+1=?<|im_end|>\n<|im_start|>assistant\n"]
    assert chat.tokens == [len(tokenizer(chat.prompts[0], add_special_tokens=False)["input_ids"])]
    plain = looked(rows, tmp_path)
    assert (plain.prompts, plain.tokens) == (["user: 1+1=?"], None)
    assert "── gold: 2   read as: number 2" in list(plain.lines(1))
    assert not any("gold" in line for line in plain.lines(0))


def test_the_rows_call_for_their_verifier(tmp_path: Path) -> None:
    choices = [{"question": "Which?", "choices": ["a", "b"], "answer": 1}]
    entries = [{"question": "Make 5.", "answer": "2+3", "metadata": {"source_dataset": "countdown"}}]
    lettered, entry = looked(choices, tmp_path), looked(entries, tmp_path)
    assert (lettered.verifier, lettered.readings) == ("choice", ["letter B"])
    assert (entry.verifier, entry.readings) == ("reasoning-gym", ["entry of countdown"])


@pytest.mark.parametrize(
    ("golds", "words"),
    [
        (["7", "7"], "2 of 2 golds are '7'"),
        (["1", "{'a': 2}", "3"], r"1 of 3 golds look like code or objects.*\"{'a': 2}\""),
        (["1", "def f(x): return x"], "1 of 2 golds look like code"),
    ],
)
def test_golds_that_are_all_the_same_or_code_are_doubted(golds: list[str], words: str) -> None:
    (line,) = doubts_of(problems(*golds), ExactMatch())
    assert re.search(words, line), line


def test_letters_without_choices_in_the_prompt_are_doubted(verifier: MathVerifier) -> None:
    golds = ["A", "B", "C", "D"]
    shown = "Which? A) red B) green "
    assert "4 prompts show no choices" in doubts_of(problems(*golds), MultipleChoice())[0]
    assert doubts_of(problems(*golds, prompt=shown), MultipleChoice()) == []
    assert doubts_of(problems(*golds, prompt=shown), verifier) == [
        "golds are letters of choices; write `verifier: choice`"
    ]


def test_golds_that_are_right_for_other_problems_are_doubted(verifier: MathVerifier) -> None:
    same = problems(*(f"{n}/{2 * n}" for n in range(1, 9)))
    (line,) = doubts_of(same, verifier)
    assert line.startswith("7 of 7 golds are right for another problem")
    assert doubts_of(problems(*map(str, range(8))), verifier) == []


def test_a_gold_that_is_not_right_in_a_box_is_doubted() -> None:
    (line,) = doubts_of(problems("a", "b}c"), ExactMatch())
    assert line.startswith("1 of 2 golds are not right by themselves in a box")


@pytest.mark.parametrize("golds", [("It is 3", "5"), ("(A) 3", "5"), ("`3`", "5"), ("we get $x^2$", "5")])
def test_golds_with_words_around_them_by_which_the_bare_answer_is_wrong_are_doubted(
    golds: tuple[str, ...], verifier: MathVerifier
) -> None:
    (line,) = doubts_of(problems(*golds), verifier)
    assert line.startswith("1 of 2 golds have words or signs around an answer that is wrong without them")
    assert doubts_of(problems("3 apples", "$5$", "-1,000", r"\sin^2 t", r"2\sqrt{3}", "even"), verifier) == []


def test_prompts_that_a_template_would_wrap_wrongly_or_that_hide_their_context_are_doubted(
    verifier: MathVerifier,
) -> None:
    def doubts(*turns: tuple[str, str], **columns: Any) -> list[str]:
        prompt = [{"role": role, "content": content} for role, content in turns]
        return doubts_of([Problem("p", prompt, "5", columns)], verifier)

    assert doubts(("user", "2+3?")) == doubts(("user", "Of pens. 2+3?"), context="Of pens.") == []
    assert doubts(("user", "<|im_start|>user\n2+3?"))[0].startswith("1 of 1 prompts hold a template's marks as text")
    assert doubts(("user", "2+3?"), ("assistant", "5"))[0].startswith("1 of 1 prompts end with an answer")
    assert doubts(("user", "Who?"), context={"title": ["a"]})[0].startswith("1 of 1 prompts do not show")


def test_errors_that_the_verifier_does_not_allow_are_doubted(verifier: MathVerifier) -> None:
    assert doubts_of(problems("1.5", "2.5", error="0.1"), verifier)[0].startswith("2 problems allow an error")
    assert doubts_of(problems("1.5", "2.5", error=None), verifier) == []
