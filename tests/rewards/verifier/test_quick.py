import json
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rewards.verifier.full import judge
from rewards.verifier.latex import Listed, Scalar, Word, read, tidy
from rewards.verifier.quick import compare

sys.path.insert(0, str(Path(__file__).parent))
from kinds import KINDS

RIGHT = [
    ("42", "42"), ("42", "042"), ("42", "+42"), ("42", "42.0"), ("42", "42."), ("42", "$42$"), ("42", "**42**"), ("42", r"\frac{84}{2}"),
    ("42", r"\text{42}"), ("42", "x = 42"), ("42", "n=42"), ("x=5", "5"), ("1/2", "0.5"), (r"\frac{1}{2}", "1/2"),
    (r"\frac12", r"\dfrac{1}{2}"), (r"\frac{-1}{2}", r"-\frac{1}{2}"), (r"\frac 34", "0.75"), (r"1\frac{4}{5}", r"\frac{9}{5}"),
    ("12345", "12,345"), ("12345", r"12\,345"), ("12345", "12{,}345"), (r"10,\!080", "10080"), (r"\$36", "36"), ("36", r"36^\circ"),
    ("5", r"5 \text{ cm}"), (r"15\mbox{ cm}^2", "15"), (r"50\%", "0.5"), (r"50\%", "50"), ("50", r"50 \text{ percent}"), (r"\frac12", r"50\%"),
    (r"2\sqrt{5}", r"2 \sqrt5"), (r"2\sqrt{5}", r"\sqrt{20}"), (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"), (r"7\pi", r"7 \cdot \pi"),
    ("x^2+1", "1+x^2"), ("3R^2", "3r^2"), ("2k+2", "2 + 2k"), ("6+9i", "9i+6"), ("y = 2x + 3", "2x+3"), ("(1,2)", r"\left(1, 2\right)"),
    ("(1,2)", "1,2"), ("1,2", "2,1"), (r"\{1,2\}", r"\{2, 1\}"), ("[1,2)", r"\left[1,2\right)"), (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty,2)\cup(3,\infty)"),
    (r"1 \pm \sqrt{19}", r"1\pm\sqrt{19}"), (r"\text{(C)}", "C"), ("C", r"\textbf{(c)}"), (r"\text{Evelyn}", "Evelyn"), ("204_5", "204_{5}"), ("204_5", "204"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{bmatrix}1\\2\end{bmatrix}"), ("x=5", "x = 5"), (r"\emptyset", r"\varnothing"), ("−5", "-5"),
    ("x>2", r"(2,\infty)"), ("5", "5 apples"),
]  # fmt: skip

WRONG = [
    ("42", "43"), ("42", "-42"), ("0", "0.0000001"), ("0.0000001", "0.0000002"), (r"\frac{1}{10000000}", "0.0"), ("1", "1.1"),
    (r"\frac{4}{5}", r"1\frac{4}{5}"), (r"2\sqrt{5}", r"2\sqrt{3}"), (r"2\pi", "6.28"), ("x+1", "x+2"), ("x^2", "x^3"), ("5", "x"), ("(1,2)", "(2,1)"),
    ("(1,2)", "(1,2,3)"), ("[1,2)", "[1,2]"), ("1,2", "1,3"), ("42", "41,42"), (r"1\pm\sqrt{2}", r"1\pm\sqrt{3}"), (r"\text{even}", r"\text{odd}"),
    ("C", "B"), (r"\text{Evelyn}", "42"), ("204_5", "204_6"), ("40_9", "40_10"), (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \end{pmatrix}"), ("x=5", "x=6"), (r"\infty", r"-\infty"), (r"50\%", "60"), (r"50\%", "0.6"),
    ("42", r"\begin{pmatrix} 42 \end{pmatrix}"), ("7", r"(2,12) \cup (12,102)"), (r"60^\circ, 120^\circ", "60120"),
    ("x=5", "y=5"), (r"\sin x", r"\cos x"), ("2s", "2"),
]  # fmt: skip

OPEN = [
    (r"\frac13", "0.333333"), ("42", r"42 \text{ (or 43)}"), ("42", "41=42"), ("42", r"\int_0^1 x dx"), ("3", r"\log_2 8"), ("120", "5!"), ("42", "4 2"),
    ("42", "9^{9^{9^9}}"), (r"\sqrt[3]{-8}", "-2"), ("1/2x", "x/2"), (r"\sin^2 x", r"1-\cos^2 x"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_the_same_value_is_right(gold: str, answer: str) -> None:
    assert compare(gold, answer) is True


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_another_value_is_wrong(gold: str, answer: str) -> None:
    assert compare(gold, answer) is False


@pytest.mark.parametrize(("gold", "answer"), OPEN)
def test_what_is_not_sure_is_left_open(gold: str, answer: str) -> None:
    assert compare(gold, answer) is None


BASES = [("204_5", "204_6"), ("40_9", "40_10")]
"""math-verify drops the base; the full check is never asked about one."""


@pytest.mark.parametrize(("gold", "answer"), [pair for pair in RIGHT + WRONG if pair not in BASES])
def test_the_full_check_agrees_wherever_the_fast_path_answers(gold: str, answer: str) -> None:
    assert (judge(gold, answer) == "correct") is compare(gold, answer)


TEXTS = sorted({text for kind in KINDS.values() for pairs in kind for pair in pairs for text in pair})


@given(st.sampled_from(TEXTS), st.sampled_from(TEXTS))
def test_the_full_check_agrees_on_every_kind_of_answer_wherever_the_fast_path_answers(gold: str, answer: str) -> None:
    quick = compare(gold, answer)
    assert quick is None or (judge(gold, answer) == "correct") is quick


WHOLE = st.integers(-(10**6), 10**6)
RATIO = st.fractions(max_denominator=10**4)


@given(WHOLE, WHOLE)
@example(5, -5)
def test_integers_are_compared_exactly(a: int, b: int) -> None:
    assert compare(str(a), str(b)) is (a == b)
    assert compare(f"{a:,}", str(a)) is True


@given(RATIO, RATIO)
def test_fractions_are_compared_exactly(a: Fraction, b: Fraction) -> None:
    plain, latex = f"{a.numerator}/{a.denominator}", f"\\frac{{{b.numerator}}}{{{b.denominator}}}"
    assert compare(plain, latex) is (a == b)


@given(st.decimals(-(10**6), 10**6, places=4), st.decimals(-(10**6), 10**6, places=4))
def test_decimals_far_enough_apart_are_told_apart(a: object, b: object) -> None:
    same = Fraction(str(a)) == Fraction(str(b))
    assert compare(str(a), str(b)) is same


@given(st.lists(WHOLE, min_size=2, max_size=5), st.randoms())
def test_a_set_has_no_order_and_a_tuple_has(values: list[int], random: object) -> None:
    mixed = list(values)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    given_, other = ", ".join(map(str, values)), ", ".join(map(str, mixed))
    assert compare(f"\\{{{given_}\\}}", f"\\{{{other}\\}}") is not False
    if len(set(values)) == len(values) > 2:
        assert compare(f"\\{{{given_}\\}}", f"\\{{{other}\\}}") is True
        assert compare(f"({given_})", f"({other})") is (values == mixed)


TERM = st.sampled_from(["1", "2", "0.5", "x", "y", r"\pi", r"\sqrt{2}", r"\frac{1}{3}", "x^2", "7", r"\sqrt{x}", "i"])
EXPRESSION = st.recursive(
    TERM,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}+{pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]})({pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"\\frac{{{pair[0]}}}{{{pair[1]}}}"),
        inner.map(lambda text: f"-({text})"),
    ),
    max_leaves=5,
)


@given(EXPRESSION, TERM)
def test_an_expression_is_itself_in_any_dress_and_not_itself_and_more(text: str, term: str) -> None:
    value = read(text)
    if value is None:
        return
    assert compare(text, f"$ {text.replace('+', ' + ').replace('frac', 'dfrac')} $") is True
    assert compare(text, f"{text}+7") is not True
    assert compare(f"{text}+{term}", f"{term}+{text}") is not False


@given(EXPRESSION, EXPRESSION, TERM)
def test_the_full_check_agrees_on_expressions_wherever_the_fast_path_answers(one: str, other: str, term: str) -> None:
    for gold, answer in ((one, other), (one, f"({one})+{term}-({term})"), (f"{one}={term}", f"{term}={one}")):
        quick = compare(gold, answer)
        assert quick is None or (judge(gold, answer) == "correct") is quick, (gold, answer)


@given(st.text(max_size=60) | st.text(alphabet=r"\{}()[],.=+-*/^_0123456789abxyfracsqtext% $", max_size=60))
def test_any_text_is_read_or_left_unread(text: str) -> None:
    read(text)
    for gold in ("42", r"\frac{\pi}{3}", r"60^\circ", "x+y", "(1,2]", "a=1, b=2", "x<5", "A and B", "1:2", "5 cm"):
        assert compare(gold, text) in (True, False, None)
        assert compare(text, gold) in (True, False, None)
    assert tidy(tidy(text)) is not None


def test_values_are_what_the_paper_and_pencil_say() -> None:
    assert read("-1.25") == Scalar(Fraction(-5, 4), decimal=True)
    assert read(r"2\frac{1}{3}") == Scalar(Fraction(7, 3))
    assert read(r"2^{10}-\frac{4}{2}") == Scalar(Fraction(1022))
    assert read(r"\sqrt{\frac{9}{4}}") == Scalar(Fraction(3, 2))
    assert read("(1,2)") == Listed("()", (Scalar(Fraction(1)), Scalar(Fraction(2))))
    assert read(r"\text{ (C) }") == Word("c")
    assert read("2^{(10^9)}") is None
    assert read("9" * 5000) is None


def test_every_gold_answer_of_math500_is_right_by_itself(real_data: Path) -> None:
    rows = [json.loads(line)["answer"] for line in (real_data / "math500_test.jsonl").read_text().splitlines()]
    assert [answer for answer in rows if compare(answer, answer) is not True] == []
