"""A million problems: what is done for each, and what is held of a file."""

import json
from hashlib import blake2b
from pathlib import Path

import pytest
from counting import operations
from hypothesis import given
from hypothesis import strategies as st

from rewards.types import Prompt
from rewards.verifier import MathVerifier, mathematics
from rl.problems import files, golds, prompts
from rl.problems.data import load_problems
from rl.problems.files import rows_of
from rl.recipe.parts import PromptPart, SourcePart


def written(path: Path, count: int) -> SourcePart:
    rows = [{"question": f"What is {i} and {i}?", "answer": f"They are {i}+{i}.\n#### {2 * i}"} for i in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return SourcePart(str(path))


def test_what_loading_costs_grows_as_the_problems_do(tmp_path: Path, verifier: MathVerifier) -> None:
    def cost(count: int) -> int:
        source = written(tmp_path / f"{count}.jsonl", count)
        return operations(lambda: load_problems(source, PromptPart(), verifier))

    assert cost(200) < 2.5 * cost(100)


def test_each_answer_is_searched_and_each_gold_read_once(
    tmp_path: Path, verifier: MathVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    read: list[str] = []
    monkeypatch.setattr(golds, "boxed_answer", lambda text: searched.append(text))
    monkeypatch.setattr(golds, "_words", lambda text: searched.append(text) or 0)
    monkeypatch.setattr(mathematics, "read", lambda text: read.append(text) or text)
    golds.marked.cache_clear()
    problems = load_problems(written(tmp_path / "p.jsonl", 50), PromptPart(), verifier).problems
    assert len(searched) == 50
    assert read == [problem.answer for problem in problems] == [str(2 * i) for i in range(50)]


def test_an_answer_in_which_nothing_can_be_marked_is_not_searched(
    tmp_path: Path, verifier: MathVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    monkeypatch.setattr(golds, "read", lambda lead, text: searched.append(text) or text)
    monkeypatch.setattr(golds, "_words", lambda text: searched.append(text) or 0)
    golds.marked.cache_clear()
    answers = [str(10**i) for i in range(20)] + [r"\sqrt{2}", "(1, 2)", "x^2 + 1", "3 apples"]
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"problem": f"{a}?", "answer": a}) + "\n" for a in answers))
    assert [p.answer for p in load_problems(SourcePart(str(path)), PromptPart(), verifier).problems] == answers
    assert searched == []


@pytest.mark.parametrize("most", [golds.LONG, golds.LONG_SOLUTION])
def test_the_shortest_sentence_is_one_and_a_word_less_is_none(most: int) -> None:
    assert golds.is_prose(" ".join(["so"] * most), most)
    assert not golds.is_prose(" ".join(["so"] * (most - 1)), most)


def test_lines_are_read_as_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.jsonl"
    source = written(path, 3)
    path.write_text(path.read_text() + "no JSON\n")
    monkeypatch.setattr(files, "_text", None)
    rows = iter(rows_of(source))
    first, second = next(rows), next(rows)
    assert first["answer"].endswith("#### 0")
    assert all(a is b for a, b in zip(first, second, strict=True))  # one object a name


turns = st.lists(st.dictionaries(st.sampled_from(["role", "content", "name"]), st.text() | st.integers(), max_size=3))


@given(st.text() | turns, st.text())
def test_an_identity_is_the_json_of_prompt_and_answer(prompt: Prompt, answer: str) -> None:
    text = json.dumps([prompt, answer], sort_keys=True, ensure_ascii=False)
    assert prompts.problem_id(prompt, answer) == blake2b(text.encode(), digest_size=8).hexdigest()
