import pytest

from rewards.verifier.full import judge


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("3", r"\log_2 8", "correct"),
        (r"(a+5)(b+2)", "ab+2a+5b+10", "correct"),
        (r"\frac{1}{3}", "0.333333", "correct"),
        (r"\frac{1}{3}", "0.33", "wrong"),
        ("x>2", r"(2,\infty)", "correct"),
        ("10", r"\binom{5}{2}", "correct"),
        ("5,6", r"5\text{ and }6", "correct"),
        (r"\int_0^1 x^2 dx", r"\int_0^1 x^2 dx", "correct"),
        ("5", r"\frac{10}{2}=5", "correct"),
        ("5", "x=5", "correct"),
        ("5", "x=2+3=5", "correct"),
        ("42", "((((", "unparsable"),
        ("((((", "42", "wrong"),
        ("", "42", "crashed"),
    ],
)
def test_math_verify_decides_what_the_fast_path_leaves(gold: str, answer: str, expected: str) -> None:
    assert str(judge(gold, answer)) == expected


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("42", "41=42"),
        ("42", "x=41=42"),
        (r"\frac{1}{3}", r"\int_0^1 x^2 dx"),
        ("55", r"\sum_{i=1}^{10} i"),
        ("42", r"42 \text{ or something else}"),
        ("42", r"42 \text{ (or 43)}"),
        ("42", r"42\mbox{ but maybe not}"),
        (r"\frac{\pi}{10^8}", "0.00000003"),
        ("0.0000001", "0.0000002"),
    ],
)
def test_what_math_verify_takes_for_right_and_is_not(gold: str, answer: str) -> None:
    """Each of these earns full marks from math-verify 0.9 itself: see `rewards/verifier/full.py`."""
    from math_verify import parse, verify

    assert verify(parse(f"\\boxed{{{gold}}}"), parse(f"\\boxed{{{answer}}}"))
    assert judge(gold, answer) == "wrong"
