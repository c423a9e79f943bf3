"""What users differ on: each policy's cases, usual and strict, in both checks; docs/verifier.md has the same table."""

import re

import pytest
from places import ROOT

from rewards.verifier import MathVerifier
from rewards.verifier.comparison.policies import POLICIES
from rewards.verifier.full import judge
from rewards.verifier.quick import compare

CASES = {
    "units": [("5", "5 km"), ("5 km", "5"), (r"60^\circ", r"\frac{\pi}{3}"), ("5 apples", "5 pears")],
    "percent": [(r"50\%", "50"), ("50", r"50\%")],
    "rounding": [(r"\frac{1}{3}", "0.333333"), (r"\sqrt{2}", "1.414214"), (r"\frac13\%", r"0.333333\%")],
    "order": [("1,2", "2,1"), ("A, C", "C and A"), ("1,2", "(2,1)")],
    "names": [("x=5", "5"), ("5", "x=5"), ("3R^2", "3r^2"), ("f(x)=x+1", "f(t)=t+1"), ("x=1,y=2", "(1,2)"), ("5", "a+b=5")],
    "form": [("(2,5)", "2<x<5"), ("2<x<5", "(2,5)"), ("1:2", "2:4"), ("1:2", r"\frac12"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)")],
}  # fmt: skip
KEPT = {
    "units": [("5 km", r"5\text{ km}"), ("5", "5"), ("4 m", "4 meters"), ("4 km", "4000 m")],
    "percent": [(r"50\%", "0.5"), (r"50\%", r"50 \text{ percent}")],
    "rounding": [(r"\frac{1}{2}", "0.5"), ("0.30", "0.3"), (r"\frac13", r"0.\overline{3}")],
    "order": [("1,2", "1, 2"), (r"\{1,2\}", r"\{2,1\}"), ("(1,2)", r"\left(1,2\right)")],
    "names": [("x=5", "5=x"), ("3R^2", r"R^2 \cdot 3"), ("f(x)=x+1", "f(x)=1+x"), ("y=2x+1", "2x-y+1=0")],
    "form": [("(2,5)", r"\left(2,5\right)"), ("2<x<5", "5>x>2"), ("1:2", "1 : 2")],
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_taken_strictly_refuses_what_is_right_without_it(policy: str) -> None:
    for gold, answer in CASES[policy]:
        assert compare(gold, answer) is not False, (gold, answer)
        assert judge(gold, answer) == "correct", (gold, answer)
        assert compare(gold, answer, frozenset({policy})) is not True, (gold, answer)
        assert judge(gold, answer, [policy]) == "wrong", (gold, answer)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_policy_is_not_about_stays_right(policy: str) -> None:
    for pairs in (KEPT[policy], *(pairs for name, pairs in CASES.items() if name != policy)):
        for gold, answer in pairs:
            assert judge(gold, answer, [policy]) == "correct", (policy, gold, answer)
            assert compare(gold, answer, frozenset({policy})) is not False, (policy, gold, answer)


def test_the_table_of_policies_says_what_the_verifier_says() -> None:
    page = (ROOT / "docs" / "verifier.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", page, re.MULTILINE)
    assert [name for name, *_ in rows] == list(POLICIES)
    for name, usual, _ in rows:
        pairs = _claims(usual)
        assert pairs, name
        for answer, gold in pairs:
            assert judge(gold, answer) == "correct", (gold, answer)
            assert judge(gold, answer, [name]) == "wrong", (gold, answer)


def test_the_table_of_what_always_stands_says_what_the_verifier_says() -> None:
    page = (ROOT / "docs" / "verifier.md").read_text().partition("These stand, ")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| [\w ]+ \| (.*?) \| (.*?) \|$", page, re.MULTILINE)[1:]
    said = [(right, clause) for row in rows for right, clause in zip((True, False), row, strict=True)]
    pairs = [(right, gold, answer) for right, clause in said for answer, gold in _claims(clause)]
    assert len(pairs) > 40
    assert [pair for pair in pairs if (judge(*pair[1:]) == "correct") is not pair[0]] == []


def _claims(cell: str) -> list[tuple[str, str]]:
    """(answer, gold answer) of every "`a`, `b` for `c`"."""
    found = re.findall(r"((?:`[^`]+`(?:, | or )?)+) for (?:the time of day )?`([^`]+)`", cell)
    return [(answer, gold) for answers, gold in found for answer in re.findall("`([^`]+)`", answers)]


def test_strictness_reaches_the_workers_and_an_unknown_policy_is_named() -> None:
    strict = MathVerifier(strictness="rounding", workers=1)
    texts = [r"\boxed{0.333333}", r"\boxed{\frac{2}{6}}"]
    assert strict.judge([r"\frac{1}{3}"] * 2, texts) == ["wrong", "correct"]
    assert MathVerifier().judge([r"\frac{1}{3}"] * 2, texts) == ["correct", "correct"]
    strict.close()
    with pytest.raises(ValueError, match=r"strictness must be among units, percent.*'unit'"):
        MathVerifier(strictness=["unit"])  # type: ignore[list-item]
