r"""The full check, by math-verify: runs in a worker, under its time and memory limit.

Where math-verify 0.9 is known to take a wrong answer for right, this does not:

- a numeric equation whose sides differ: `41=42` for 42;
- the problem restated: an integral, sum, product, limit or derivative for a plain number;
- what is said after the answer, dropped as if it were a unit: `42 \text{ or 43}`;
- a statement that is merely true, such as `1=1`;
- small decimals that agree only because both round to the same six places: 2e-7 for 1e-7.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from rewards.types import Verdict
from rewards.verifier.latex import tidy

_TRAILING_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|textit|textrm)\s*\{([^{}]*)\}[^A-Za-z0-9]*$")
_HEDGE = re.compile(r"[0-9]|\b(?:or|else|maybe|perhaps|either|any|not|but|unless|except)\b", re.IGNORECASE)
_DIFFERENCE = 1e-4

# A judge reports by its verdicts; math-verify's own warnings would come once an answer.
for _name in ("math_verify.parser", "math_verify.grader"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def judge(gold: str, answer: str) -> Verdict:
    """Whether `answer` equals `gold`. `crashed` where the gold answer itself cannot be parsed."""
    from math_verify import verify

    try:
        golds = _parsed(tidy(gold))
    except Exception:
        golds = []
    if not golds:
        return Verdict.CRASHED
    try:
        answers = _parse(tidy(answer))
    except Exception:
        return Verdict.UNPARSABLE
    if not answers or (isinstance(answers[0], str) and not isinstance(golds[0], str)):
        return Verdict.UNPARSABLE
    if _says_more(gold, answer) or _restates(golds[0], answers[0]) or _contradicts(answers[0]):
        return Verdict.WRONG
    right = verify(golds, answers, timeout_seconds=None) and not _only_rounds(golds[0], answers[0])
    return Verdict.CORRECT if right else Verdict.WRONG


def warm() -> None:
    """Parse what many answers look like: the first parse of each kind is slow."""
    for text in _TYPICAL:
        judge(text, text.replace("3", "5"))


_TYPICAL = (
    *("3", "-0.3", r"\frac{3}{4}", r"3\sqrt{3}", r"\frac{\sqrt{3}}{3}", r"3\pi", "x=3", "3x^2+3x-1", r"(3,\infty)"),
    *(r"(-\infty,3)\cup(4,\infty)", r"\{3,4\}", "3,4", r"\begin{pmatrix}3\\4\end{pmatrix}", r"\text{three}", r"3\%"),
    *(r"3 \pm \sqrt{3}", "3+4i", r"3^{3}", r"\left(3,\frac{\pi}{3}\right)", r"y=\frac{3}{4}x+3", "x>3", r"\cot x"),
)


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> list[Any]:
    return _parse(expression)


def _parse(expression: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse

    config = LatexExtractionConfig(boxed_match_priority=0)
    return list(
        parse(f"\\boxed{{{expression}}}", extraction_config=[config], parsing_timeout=None, raise_on_error=True)
    )


def _says_more(gold: str, answer: str) -> bool:
    r"""Whether a closing `\text{…}`, which math-verify drops, says more than a unit would."""
    trailing = _TRAILING_TEXT.search(answer)
    return (
        trailing is not None and trailing.start() > 0 and bool(_HEDGE.search(trailing[1])) and trailing[1] not in gold
    )


def _restates(gold: Any, answer: Any) -> bool:
    from sympy import Basic, Derivative, Integral, Limit, Product, Sum

    kinds = (Integral, Sum, Product, Limit, Derivative)
    plain = isinstance(gold, Basic) and not gold.has(*kinds)
    return plain and isinstance(answer, Basic) and answer.has(*kinds)


def _contradicts(answer: Any) -> bool:
    """Whether it is a chain of equations with a number that is not the last side."""
    from latex2sympy2_extended.logic import And
    from sympy import Basic, Eq
    from sympy.logic.boolalg import BooleanAtom

    if isinstance(answer, BooleanAtom):
        return True
    links = answer._unsorted_args if isinstance(answer, And) else [answer]
    if not all(isinstance(link, Eq) for link in links):
        return False
    last = links[-1].rhs
    sides = [side for link in links for side in link.args if isinstance(side, Basic) and side.is_number is True]
    return any(_differ(side, last) for side in sides)


def _differ(side: Any, last: Any) -> bool:
    from math_verify import verify

    return not verify(last, side, timeout_seconds=None)


def _only_rounds(gold: Any, answer: Any) -> bool:
    """Whether two numbers, one of them decimal, differ by more than a ten-thousandth of themselves."""
    from sympy import Expr, Float

    if not (isinstance(gold, Expr) and isinstance(answer, Expr) and (gold.has(Float) or answer.has(Float))):
        return False
    if gold.is_number is not True or answer.is_number is not True:
        return False
    g, a = complex(gold.doit()), complex(answer.doit())
    return abs(g - a) > _DIFFERENCE * max(abs(g), abs(a))
