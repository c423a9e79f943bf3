r"""The full check: runs in a worker, under its time and memory limit.

What the grammar holds is compared by it, to a hundred digits (`rewards.verifier.comparison.digits`); the rest is
math-verify's to read and compare (`rewards.verifier.stock`).
"""

from __future__ import annotations

from collections.abc import Sequence

from rewards.types import Verdict
from rewards.verifier.comparison.digits import Deep
from rewards.verifier.comparison.same import Comparison
from rewards.verifier.latex import read
from rewards.verifier.stock import judge as ask_math_verify


def judge(gold: str, answer: str, strictness: Sequence[str] = ()) -> Verdict:
    """Whether `answer` equals `gold`. `crashed` where the gold answer itself cannot be parsed."""
    g, a = read(gold.strip()), read(answer.strip())
    if g is not None and a is not None:
        right = Comparison(Deep(), frozenset(strictness)).same(g, a)
        if right is not None:
            return Verdict.CORRECT if right else Verdict.WRONG
    return ask_math_verify(gold, answer, "rounding" in strictness)


def warm() -> None:
    """Judge what many answers look like: the first of each kind is slow."""
    for text in _TYPICAL:
        judge(text, text.replace("3", "5"))
        ask_math_verify(text, text.replace("3", "5"))


_TYPICAL = (
    *("3", "-0.3", r"\frac{3}{4}", r"3\sqrt{3}", r"\frac{\sqrt{3}}{3}", r"3\pi", "x=3", "3x^2+3x-1", r"(3,\infty)"),
    *(r"(-\infty,3)\cup(4,\infty)", r"\{3,4\}", "3,4", r"\begin{pmatrix}3\\4\end{pmatrix}", r"\text{three}", r"3\%"),
    *(r"3 \pm \sqrt{3}", "3+4i", r"3^{3}", r"\left(3,\frac{\pi}{3}\right)", r"y=\frac{3}{4}x+3", "x>3", r"\cot x"),
)
