import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import Verdict
from rewards.verifier import MathVerifier, boxed_answer

VERIFIER = MathVerifier(seconds=2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{5}", "5"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed {12}", "12"),
        (r"<think>\boxed{4}</think> so \boxed{5}", "5"),
        (r"\boxed{4}, no: \boxed{5}", "5"),
        (r"\boxed{5} and then \boxed{6", "5"),
        (r"<think>\boxed{4}", None),
        (r"<think>\boxed{4}</think> it is 4", None),
        (r"</think> \boxed{7}", "7"),
        ("no box", None),
        ("", None),
    ],
)
def test_the_answer_is_the_last_whole_box_after_thinking(text: str, expected: str | None) -> None:
    assert boxed_answer(text) == expected


@given(st.text(alphabet="{}ab"))
def test_a_balanced_box_is_read_back_whole(inside: str) -> None:
    depth = 0
    for c in inside:
        depth += {"{": 1, "}": -1}.get(c, 0)
        if depth < 0:
            return
    if depth == 0:
        assert boxed_answer(f"\\boxed{{{inside}}}") == inside


@pytest.mark.parametrize(
    ("answer", "completion", "expected"),
    [
        ("5", r"\boxed{5}", Verdict.CORRECT),
        ("5", r"\boxed{05}", Verdict.CORRECT),
        ("5", r"\boxed{6}", Verdict.WRONG),
        ("\\frac{1}{2}", r"\boxed{0.5}", Verdict.CORRECT),
        ("\\frac{1}{2}", r"\boxed{\frac13}", Verdict.WRONG),
        ("5", "the answer is 5", Verdict.UNPARSABLE),
        ("5", r"\boxed{}", Verdict.UNPARSABLE),
        ("5", r"\boxed{9^{9^{9^{9}}}}", Verdict.TIMED_OUT),
    ],
)
def test_each_kind_of_verdict(answer: str, completion: str, expected: Verdict) -> None:
    assert VERIFIER.judge([answer], [completion]) == [expected]


def test_a_verdict_is_worth_one_nothing_or_null() -> None:
    assert {str(v): v.worth for v in Verdict} == {
        "correct": 1.0,
        "wrong": 0.0,
        "unparsable": 0.0,
        "timed_out": 0.0,
        "crashed": None,
    }


def test_an_answer_that_nobody_can_read_is_known_before_training() -> None:
    assert VERIFIER.readable("42")
    assert VERIFIER.readable(r"\frac{\pi}{2}")
    assert not VERIFIER.readable("")


def test_every_math500_solution_is_right_by_its_own_answer(real_data: Path) -> None:
    rows = [json.loads(line) for line in (real_data / "math500_test.jsonl").read_text().splitlines()]
    verdicts = VERIFIER.judge([row["answer"] for row in rows], [row["solution"] for row in rows])
    assert [row["answer"] for row, v in zip(rows, verdicts, strict=True) if v is not Verdict.CORRECT] == []


def test_off_the_main_thread_it_refuses_rather_than_judge_wrongly() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="main thread"):
        pool.submit(VERIFIER.judge, ["5"], [r"\boxed{\frac{10}{2}}"]).result()
