import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.answers import off_by_one, pairs, solved, twins
from experiments.mutations import mutations
from rewards.verifier import MathVerifier, boxed_answer
from rewards.verifier.quick import compare
from rewards.verifier.workers import Workers


def test_an_answer_is_written_in_the_ways_that_models_write_it() -> None:
    assert twins("5") == {
        "dollars": "$5$", "full stop": "5.", "point zero": "5.0", "equation": "x = 5", "fraction": r"\frac{10}{2}",
    }  # fmt: skip
    assert twins("12000")["thousands"] == "12,000"
    assert twins(r"-\frac{1}{2}")["slash"] == "-1/2"
    assert twins(r"-\frac{1}{2}")["cancelled"] == r"-\frac{2}{4}"
    assert twins("(1,2)")["left and right"] == r"\left(1,2\right)"
    assert twins("(1,2)")["spaces"] == "(1, 2)"
    assert "spaces" not in twins(r"10,\!080")


@pytest.mark.parametrize(
    ("gold", "kind", "answer", "right"),
    [
        ("x^2-3x+1", "terms turned round", "1-3x+x^2", True),
        ("7", "a unit in words", "7 hours", True),
        ("2+3i", "an upright i", r"2+3\mathrm{i}", True),
        ("y = 2x", "an equation turned round", "2x = y", True),
        ("[2,5)", "an inequality", r"2 \le x < 5", True),
        (r"\frac{\pi}{3}", "plain text", "(pi)/(3)", True),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "a sum of matrices", None, True),
        ("[2,5)", "the other ends", r"2 < x \le 5", False),
        ("(1,2)", "swapped", "(2, 1)", False),
        ("2+3i", "conjugate, or real", "2-3i", False),
        ("20", "the next factorial", r"\frac{1}{21!}", False),
        ("x^2", "capitals for small letters", "x^2 + x", False),
        ("even", "an anagram", "vene", False),
        ("20", "two units", r"20\text{ ft }2\text{ in}", False),
    ],
)
def test_answers_are_changed_as_their_kind_says(gold: str, kind: str, answer: str | None, right: bool) -> None:
    made = [pair for pair in mutations([gold]) if pair.kind == kind]
    assert made
    assert {pair.right for pair in made} == {right}
    assert answer is None or answer in [pair.answer for pair in made]


@pytest.mark.parametrize(("gold", "changed"), [("5", "6"), (r"\frac{9}{4}", r"\frac{10}{4}"), ("x", None)])
def test_a_changed_digit_makes_another_answer(gold: str, changed: str | None) -> None:
    assert off_by_one(gold) == changed


@given(st.lists(st.integers(-9999, 9999).map(str), min_size=2, max_size=20, unique=True))
def test_pairs_are_what_they_were_made_to_be(golds: list[str]) -> None:
    for pair in pairs(golds):
        assert compare(pair.gold, pair.answer) is pair.right, pair


def test_no_verdict_on_real_answers_is_wrong(real_data: Path) -> None:
    golds = [problem.gold for problem in solved(real_data)]
    every = list(dict.fromkeys([*pairs(golds), *mutations(golds)]))
    verifier = MathVerifier()
    verdicts = verifier.judge([pair.gold for pair in every], [f"\\boxed{{{pair.answer}}}" for pair in every])
    verifier.close()
    assert len(every) > 19_000
    assert [(p, v) for p, v in zip(every, verdicts, strict=True) if (v == "correct") is not p.right] == []


def test_the_full_check_agrees_with_the_fast_path_on_real_answers(real_data: Path) -> None:
    every = list(dict.fromkeys(pairs([problem.gold for problem in solved(real_data)])))
    sample = [(p.gold, p.answer) for p in random.Random(0).sample(every, 400)]
    open_ = [pair for pair in sample if compare(*pair) is None]
    settled = [pair for pair in sample if pair not in open_]
    workers = Workers("rewards.verifier.full:judge", {}, workers=2, seconds=5)
    verdicts = workers.run(settled)
    workers.close()
    assert len(open_) < 20
    disagree = [pair for pair, v in zip(settled, verdicts, strict=True) if (v == "correct") is not compare(*pair)]
    assert disagree == []


def test_solutions_end_in_their_answers(real_data: Path) -> None:
    wrong = [p for p in solved(real_data) if compare(p.gold, boxed_answer(p.solution) or "") is not True]
    assert len(wrong) < 20
