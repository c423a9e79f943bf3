"""Verifiers as plug-ins: named, called, blamed; aliases of an answer."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from rewards import Problem, Verdict
from rewards.verifier import MathVerifier
from rewards.verifier.exact import ExactMatch
from rewards.verifier.function import FunctionVerifier
from rewards.verifier.gym import ReasoningGym
from rewards.verifier.numeric import NumericTolerance
from rewards.verifier.within import SubstringMatch
from rl.errors import UserError
from rl.plugins import find, judge, judge_problems, load_verifier, readable

JUDGE = "def same(gold, answer, case=True):\n    return gold == answer if case else gold.lower() == answer.lower()\n"


def test_a_verifier_comes_by_name_by_file_and_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"math": MathVerifier, "exact": ExactMatch, "numeric": NumericTolerance, "substring": SubstringMatch}
    for name, kind in {**kinds, "reasoning-gym": ReasoningGym}.items():
        verifier = load_verifier(name, {"strict": False})
        assert type(verifier) is kind
        assert verifier.name == name  # type: ignore[attr-defined]
    (tmp_path / "mine.py").write_text(JUDGE)
    by_file = load_verifier(f"{tmp_path}/mine.py:same", {"options": {"case": False}, "workers": 1})
    assert isinstance(by_file, FunctionVerifier)
    assert by_file.judge(["A", "B"], [r"\boxed{a}", r"\boxed{a}"]) == ["correct", "wrong"]
    by_file.close()
    entry = EntryPoint("theirs", "rewards.verifier.full:judge", "lengthwise.verifiers")
    monkeypatch.setattr(find, "entry_points", lambda group: [entry] if group == "lengthwise.verifiers" else [])
    theirs = load_verifier("theirs", {})
    assert isinstance(theirs, FunctionVerifier)
    assert theirs.judge(["3"], [r"\boxed{\log_2 8}"]) == ["correct"]
    theirs.close()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("maths", {}, "unknown verifier 'maths'; did you mean 'math'"),
        ("math", {"second": 1}, "unknown option of verifier 'math' 'second'; did you mean 'seconds'"),
        ("math", {"seconds": 0}, "verifier 'math': .*positive"),
        ("math", {"places": ["bocks"]}, "verifier 'math': .*bocks"),
        ("nowhere.py:same", {}, "does not exist"),
        ("mine.py:sme", {}, "did you mean 'same'"),
        ("mine.py:same", {"case": False}, "unknown option of verifier 'mine.py:same' 'case'"),
        ("rewards.correct:Correct", {}, "no `judge` and `readable`"),
    ],
)
def test_a_verifier_that_cannot_be_had_is_one_clear_line(
    name: str, options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(JUDGE)
    with pytest.raises(UserError, match=message):
        load_verifier(name, options)


class Broken:
    name = "broken"

    def __init__(self, value: Any) -> None:
        self.value = value

    def judge(self, answers: Any, completions: Any) -> Any:
        return self.value() if callable(self.value) else self.value

    def readable(self, answers: Any) -> Any:
        raise KeyError("gold")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1 / 0, r"verifier 'broken' raised ZeroDivisionError: division by zero \(.*test_verifiers.py:\d+\)"),
        (None, "verifier 'broken' gave None for 1 completions; it is to give a list of 1 verdicts"),
        (["fine"], "verifier 'broken': 'fine' is not a valid Verdict; the verdicts are correct, wrong"),
        ([], "verifier 'broken' gave 0 verdicts for 1 completions"),
    ],
)
def test_a_verifier_that_fails_is_named(value: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        judge(Broken(value), ["1"], ["1"])
    with pytest.raises(UserError, match="verifier 'broken' raised KeyError"):
        readable(Broken(value), ["1"])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("substring", r"\boxed{the Big Apple}", Verdict.CORRECT),
        ("substring", r"\boxed{New York}", Verdict.CORRECT),
        ("substring", r"\boxed{Boston}", Verdict.WRONG),
        ("exact", r"\boxed{Big Apple}", Verdict.CORRECT),
        ("math", r"\boxed{Big Apple}", Verdict.WRONG),
    ],
)
def test_an_alias_of_the_answer_is_right_where_the_verifier_takes_them(name: str, text: str, expected: Verdict) -> None:
    problem = Problem("p", "Which city?", "New York", {"aliases": ["Big Apple", "NYC"]})
    assert judge_problems(load_verifier(name, {}), [problem], [text]) == [expected]


def test_several_problems_are_judged_at_once_each_by_its_own_aliases() -> None:
    city = Problem("p", "Which country?", "United States", {"aliases": ["USA", "U.S."]})
    others = [city, city, city, Problem("q", "Which country?", "USA")]
    texts = [r"\boxed{USA}", r"\boxed{France}", "none", r"\boxed{USA}"]
    verdicts = judge_problems(load_verifier("substring", {}), others, texts)
    assert verdicts == ["correct", "wrong", "unparsable", "correct"]
    assert judge_problems(load_verifier("substring", {}), [], []) == []


def test_a_problem_has_no_golds_but_its_answer_where_there_are_no_aliases() -> None:
    no_more: list[dict[str, Any]] = [{}, {"aliases": None}, {"aliases": []}]
    for row in no_more:
        assert Problem("p", "q", "a", row).golds == ["a"]
    assert Problem("p", "q", "a", {"aliases": "b"}).golds == ["a", "b"]
