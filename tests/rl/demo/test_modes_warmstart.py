"""The model of two modes: its marks are tokens, it answers in both, and thinking pays."""

from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from data_synth.modes import END, MARKS, SHORT, THINK
from rewards.verifier import MathVerifier, boxed_answer
from rl.evaluation import Protocol
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.models import load_model, load_tokenizer, resolve_model
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart
from rl.rollouts import TransformersEngine
from rl.thinking import texts

SHIPPED = Path(resolve_model("modes-demo"))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Answers of the model that ships, 320 tokens at most."""
    verifier = MathVerifier()
    source = SourcePart("demo", options={"split": "validation", "n": 512})
    problems = load_problems(source, PromptPart(), verifier).problems
    model, tokenizer = load_model(str(SHIPPED)), load_tokenizer(str(SHIPPED))
    answerer = Answerer(TransformersEngine(model, 256), tokenizer, end_ids(model, tokenizer))
    return list(evaluate(answerer, problems, verifier, Protocol(cap=320)).rows)


def test_it_is_small() -> None:
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 700_000


def test_each_mark_is_one_token_and_stays_where_completions_are_decoded() -> None:
    tokenizer = load_tokenizer(str(SHIPPED))
    for mark in MARKS:
        (id,) = tokenizer(mark, add_special_tokens=False)["input_ids"]
        assert texts(tokenizer, [[id, tokenizer.eos_token_id]]) == [mark]


def test_half_of_its_answers_think_and_thinking_is_more_often_right(rows: list[dict[str, Any]]) -> None:
    thoughts, short = ([r for r in rows if r["completion"].startswith(mark)] for mark in (THINK, SHORT))
    assert len(thoughts) + len(short) > 0.99 * len(rows)
    assert 0.4 < len(thoughts) / len(rows) < 0.6
    right = [fmean(row["correct"] for row in some) for some in (rows, thoughts, short)]
    assert 0.6 < right[0] < 0.75
    assert right[1] > right[2] + 0.2
    assert 60 < fmean(row["length"] for row in rows) < 130


def test_its_answers_take_tokens_by_the_terms(rows: list[dict[str, Any]]) -> None:
    answers = {d: [r["completion"].split(END)[-1] for r in rows if r["difficulty"] == d] for d in "2345"}
    steps = {d: fmean(answer.count("=") for answer in some) for d, some in answers.items()}
    assert all(abs(steps[d] - (int(d) - 1)) < 0.2 for d in steps)
    assert fmean(boxed_answer(answer) is not None for some in answers.values() for answer in some) > 0.97
