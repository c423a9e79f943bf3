from collections.abc import Sequence
from typing import Any

from rewards import Verdict
from rewards.verifier import MathVerifier, Reading
from rewards.verifier.numeric import NumericTolerance
from rewards.verifier.within import SubstringMatch
from rl.evaluation.figures.answers import ballots


def rows(verifier: Any, gold: str, *completions: str, stop: str = "eos") -> list[dict[str, Any]]:
    found = verifier.judge([gold] * len(completions), list(completions))
    return [
        {"completion": text, "verdict": str(v), "correct": v.worth, "length": 5, "stop": stop}
        for text, v in zip(completions, found, strict=True)
    ]


def groups(verifier: Any, given: list[dict[str, Any]], truncated: str = "judge") -> list[int]:
    """Numbers of the answers, in order of first sight."""
    answers = [ballot.answer for ballot in ballots(given, verifier, truncated)]
    return [list(dict.fromkeys(answers)).index(answer) for answer in answers]


def test_answers_that_are_equal_as_mathematics_are_one(verifier: MathVerifier) -> None:
    given = rows(
        verifier, "3", r"\boxed{\frac{1}{2}}", r"\boxed{3}", r"\boxed{0.5}", r"\boxed{3.0}", r"\boxed{2}", r"\boxed{1/2}"
    )  # fmt: skip
    assert groups(verifier, given) == [0, 1, 0, 1, 2, 0]
    assert [b.correct for b in ballots(given, verifier)] == [0, 1, 0, 1, 0, 0]


def test_a_sample_without_an_answer_has_no_vote(verifier: MathVerifier) -> None:
    given = rows(verifier, "3", "I wonder", r"\boxed{3}", r"\boxed{")
    assert groups(verifier, given) == [0]
    given[1]["correct"], given[1]["verdict"] = None, str(Verdict.CRASHED)
    assert ballots(given, verifier) == []


def test_a_cut_sample_votes_where_it_may_be_right(verifier: MathVerifier) -> None:
    given = rows(verifier, "3", r"\boxed{3}", stop="length")
    assert len(ballots(given, verifier, "judge")) == 1
    assert ballots(given, verifier, "wrong") == []


def test_each_verifier_compares_in_its_own_way() -> None:
    numeric = NumericTolerance(relative=0.1)
    assert groups(numeric, rows(numeric, "1", r"\boxed{100}", r"\boxed{105}", r"\boxed{150}")) == [0, 0, 1]
    words = SubstringMatch()
    given = rows(words, "Paris", r"\boxed{the Rhine}", r"\boxed{Rhine}", r"\boxed{Rome}", r"\boxed{Paris}")
    assert groups(words, given) == [0, 0, 1, 2]


def test_a_verifier_that_does_not_say_how_it_reads_is_read_by_the_box() -> None:
    class Own:
        def judge(self, answers: Sequence[str], completions: Sequence[str]) -> list[Verdict]:
            return [Verdict.WRONG] * len(completions)

        def readable(self, answers: Sequence[str]) -> list[bool]:
            return [True] * len(answers)

    assert groups(Own(), rows(Own(), "1", r"\boxed{4}", r"\boxed{4.0}", "4")) == [0, 0]
    assert Reading().find(r"\boxed{4}").answer == "4"
