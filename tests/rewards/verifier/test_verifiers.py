import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import Verdict
from rewards.substring import Substring
from rewards.verifier import Isolated, MathVerifier
from rewards.verifier.choice import MultipleChoice
from rewards.verifier.exact import ExactMatch
from rewards.verifier.function import FunctionVerifier
from rewards.verifier.gym import ReasoningGym, gold
from rewards.verifier.numeric import NumericTolerance
from rewards.verifier.within import SubstringMatch

VERIFIER = MathVerifier(seconds=2)
JUDGES = str(Path(__file__).with_name("judges.py"))


def test_a_verdict_is_worth_one_nothing_or_null() -> None:
    assert {str(v): v.worth for v in Verdict} == {
        "correct": 1.0,
        "wrong": 0.0,
        "unparsable": 0.0,
        "timed_out": 0.0,
        "crashed": None,
    }


@pytest.mark.parametrize(
    ("answer", "completion", "expected"),
    [
        ("5", r"\boxed{5}", Verdict.CORRECT),
        ("5", r"\boxed{05}", Verdict.CORRECT),
        ("5", r"\boxed{6}", Verdict.WRONG),
        ("\\frac{1}{2}", r"\boxed{0.5}", Verdict.CORRECT),
        ("\\frac{1}{2}", r"\boxed{\frac13}", Verdict.WRONG),
        (" 5 ", r"\boxed{5}", Verdict.CORRECT),
        ("5", "the answer is 5", Verdict.UNPARSABLE),
        ("5", r"\boxed{}", Verdict.UNPARSABLE),
        ("5", r"\boxed{" + "x" * 3000 + "}", Verdict.UNPARSABLE),
        ("5", r"\boxed{9^{9^{9^{9}}}}", Verdict.TIMED_OUT),
        ("", r"\boxed{5 + x!}", Verdict.CRASHED),
    ],
)
def test_each_kind_of_verdict(answer: str, completion: str, expected: Verdict) -> None:
    assert VERIFIER.judge([answer], [completion]) == [expected]


def test_off_the_main_thread_it_judges_as_on_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(VERIFIER.judge, ["3", "5"], [r"\boxed{\log_2 8}", r"\boxed{9^{9^{9^{9}}}}"])
        assert done.result() == [Verdict.CORRECT, Verdict.TIMED_OUT]


def test_an_answer_that_nobody_can_read_is_known_before_training() -> None:
    answers = ["42", r"\frac{\pi}{2}", r"\log_2 8", "", " ", "9" * 5000, "42"]
    assert VERIFIER.readable(answers) == [True, True, True, False, False, False, True]


@pytest.mark.parametrize("places", [("line",), ("box", "line")])
def test_where_the_answer_stands_is_a_setting(places: Any) -> None:
    assert MathVerifier(places).judge(["5"], ["The answer is 5."]) == ["correct"]
    assert VERIFIER.judge(["5"], ["The answer is 5."]) == ["unparsable"]


def test_what_stands_outside_strictness() -> None:
    texts = [r"\boxed{4} or \boxed{5}", r"\boxed{5}, in \boxed{}", r"\boxed{5} or 4"]
    assert VERIFIER.judge(["5"] * 3, texts) == ["wrong", "unparsable", "wrong"]
    assert MathVerifier(strict=False).judge(["5"] * 3, texts) == ["correct"] * 3
    assert VERIFIER.judge(["4, 5"], texts[:1]) == ["correct"]


def test_only_verifiers_with_processes_are_isolated() -> None:
    assert isinstance(VERIFIER, Isolated)
    assert not isinstance(ExactMatch(), Isolated)


@pytest.mark.parametrize(
    ("verifier", "answer", "text", "expected"),
    [
        (ExactMatch(), "New York", r"\boxed{New  York}", "correct"),
        (ExactMatch(), "New York", r"\boxed{new york}", "wrong"),
        (ExactMatch(case=False), "New York", r"\boxed{new york}", "correct"),
        (ExactMatch(), "1/2", r"\boxed{0.5}", "wrong"),
        (ExactMatch(("tag",)), "a", "<answer>a</answer>", "correct"),
        (ExactMatch(), "a", "a", "unparsable"),
        (ExactMatch(), "a", r"\boxed{a} or 7", "wrong"),
        (MultipleChoice(), "C", r"\boxed{C}", "correct"),
        (MultipleChoice(), r"\text{(C)}", r"\boxed{c}", "correct"),
        (MultipleChoice(), "(C)", r"\boxed{\textbf{(C)}}", "correct"),
        (MultipleChoice(), "C", r"\boxed{C) 12 cm}", "correct"),
        (MultipleChoice(), "C", r"\boxed{Option C}", "correct"),
        (MultipleChoice(), "C", r"\boxed{\text{C: all of them}}", "correct"),
        (MultipleChoice(), "C", r"\boxed{B}", "wrong"),
        (MultipleChoice(), "C", r"\boxed{A, C}", "wrong"),
        (MultipleChoice(), "C", r"\boxed{A \text{ or } C}", "wrong"),
        (MultipleChoice(), "C", r"\boxed{Z}", "unparsable"),
        (MultipleChoice(choices="ABCD"), "C", r"\boxed{E}", "unparsable"),
        (MultipleChoice(), "C", r"\boxed{12 cm}", "unparsable"),
        (NumericTolerance(), "100", r"\boxed{100.9}", "correct"),  # |100.9 - 100| = 0.9 <= 0.01 * 100
        (NumericTolerance(), "100", r"\boxed{101.1}", "wrong"),
        (NumericTolerance(relative=0, absolute=0.5), "2", r"\boxed{\frac{5}{2}}", "correct"),
        (NumericTolerance(relative=0, absolute=0.5), "2", r"\boxed{2.51}", "wrong"),
        (NumericTolerance(), "3.2e5", r"\boxed{3.2 \times 10^{5}}", "correct"),
        (NumericTolerance(), "320000", r"\boxed{x = 320{,}000 \text{ kg}}", "correct"),
        (NumericTolerance(), "5", r"\boxed{\sqrt{25+x}}", "unparsable"),
        (NumericTolerance(), "five", r"\boxed{5}", "crashed"),
        (SubstringMatch(), "Paris", r"\boxed{the city of Paris}", "correct"),
        (SubstringMatch(), "Paris", r"\boxed{Paris, London}", "wrong"),
        (SubstringMatch(mode="paper"), "Paris", r"</think>\boxed{Not Paris}", "correct"),
        (SubstringMatch(mode="paper"), "Paris", r"\boxed{Paris}", "unparsable"),
        (SubstringMatch(), "Paris", "Paris", "unparsable"),
    ],
)
def test_the_other_judges(verifier: Any, answer: str, text: str, expected: str) -> None:
    assert verifier.judge([answer], [text]) == [expected]


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_substring_judge_says_what_the_substring_reward_says(gold_: str, answer: str) -> None:
    text = f"</think>\\boxed{{{answer}}}"
    for mode in ("strict", "paper"):
        judge = SubstringMatch(mode=mode)  # type: ignore[arg-type]
        right = judge.judge([gold_], [text]) == ["correct"]
        hedged = judge.reading.find(text).hedged
        if gold_.strip() and not hedged and judge.reading.find(text).answer:
            assert right is (Substring(mode).score(text, [gold_]) == 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verifier", "answers", "expected"),
    [
        (ExactMatch(), ["a", ""], [True, False]),
        (MultipleChoice(), ["(B)", "12"], [True, False]),
        (NumericTolerance(), ["1/3", "x"], [True, False]),
        (SubstringMatch(), ["Paris", " "], [True, False]),
        (FunctionVerifier(f"{JUDGES}:same"), ["a", ""], [True, False]),
        (ReasoningGym(), ['{"metadata": {"source_dataset": "sudoku"}}', "42", "{}"], [True, False, False]),
    ],
)
def test_each_judge_knows_which_gold_answers_it_can_read(
    verifier: Any, answers: list[str], expected: list[bool]
) -> None:
    assert verifier.readable(answers) == expected


@pytest.mark.parametrize(
    ("maker", "options", "message"),
    [
        (NumericTolerance, {"relative": -1}, "negative"),
        (SubstringMatch, {"mode": "loose"}, "loose"),
        (ReasoningGym, {"at_least": 0}, "at_least"),
        (FunctionVerifier, {"function": "m:f", "of": "all"}, "of must be"),
        (MathVerifier, {"seconds": -1}, "positive"),
        (MathVerifier, {"places": ["bocks"]}, "bocks"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(maker: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maker(**options)


def test_a_function_judges_in_a_process_of_its_own() -> None:
    verifier = FunctionVerifier(f"{JUDGES}:scripted", seconds=0.5)
    texts = [rf"\boxed{{{kind}}}" for kind in ("a", "b", "none", "hang", "half")] + ["no box", r"\boxed{a} or 7"]
    verdicts = verifier.judge(["a"] * len(texts), texts)
    assert verdicts == ["correct", "wrong", "unparsable", "timed_out", "wrong", "unparsable", "wrong"]
    verifier.close()


def test_a_function_may_have_the_whole_completion_after_the_thinking() -> None:
    verifier = FunctionVerifier(f"{JUDGES}:same", of="completion")
    assert verifier.judge(["x" * 300_000] * 2, ["<think>hm</think>" + "x" * 300_000, "<think>x"]) == [
        "correct",
        "unparsable",
    ]
    verifier.close()


def test_reasoning_gym_scores_as_it_does_itself() -> None:
    reasoning_gym = pytest.importorskip("reasoning_gym", reason="needs reasoning_gym")
    verifier = ReasoningGym()
    for name in ("leg_counting", "simple_equations", "basic_arithmetic"):
        data = reasoning_gym.create_dataset(name, size=6, seed=3)
        entries = list(data)
        answers = [entry["answer"] for entry in entries] + [entry["answer"] + "1" for entry in entries]
        golds = [gold(entry) for entry in entries] * 2
        theirs = [data.score_answer(answer, entry) for answer, entry in zip(answers, entries * 2, strict=True)]
        ours = verifier.judge(golds, [f"<answer>{answer}</answer>" for answer in answers])
        assert [str(verdict) for verdict in ours] == ["correct" if score == 1 else "wrong" for score in theirs]
        assert json.loads(golds[0])["metadata"]["source_dataset"] == name
    verifier.close()


def test_every_math500_solution_is_right_by_its_own_answer(real_data: Path) -> None:
    rows = [json.loads(line) for line in (real_data / "math500_test.jsonl").read_text().splitlines()]
    verdicts = VERIFIER.judge([row["answer"] for row in rows], [row["solution"] for row in rows])
    assert [row["answer"] for row, v in zip(rows, verdicts, strict=True) if v is not Verdict.CORRECT] == []


@pytest.mark.parametrize(
    "verifier",
    [VERIFIER, ExactMatch(), NumericTolerance(), FunctionVerifier(f"{JUDGES}:same"), ReasoningGym()],
    ids=lambda verifier: type(verifier).__name__,
)
def test_one_text_where_a_list_is_meant_is_refused_and_not_taken_letter_by_letter(verifier: Any) -> None:
    for ask in (
        lambda: verifier.judge("42", "43"),
        lambda: verifier.judge(["42"], "43"),
        lambda: verifier.judge("42", [r"\boxed{42}"]),
        lambda: verifier.readable("42"),
    ):
        with pytest.raises(TypeError, match=r"must be a list of texts, not one text; put it in brackets: \['4[23]'\]"):
            ask()
