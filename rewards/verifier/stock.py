r"""math-verify, for what the grammar does not hold: series, integrals, floors, whatever else there is.

It is given an answer without its unit, and with letters whose case counts, which it would fold. Where math-verify 0.9
is known to take a wrong answer for right, this does not:

- a numeric equation whose sides differ: `41=42` for 42;
- the problem restated: an integral, sum, product, limit or derivative for a plain number;
- what is said after the answer, dropped as if it were a unit: `42 \text{ or 43}`;
- a statement that is merely true, such as `1=1`;
- numbers that agree only because both round to the same six places, or to nothing: 2e-7 for 1e-7.
"""

from __future__ import annotations

import contextlib
import logging
import re
from functools import lru_cache
from typing import Any

from rewards.types import Verdict
from rewards.verifier.grammar.text import tidy
from rewards.verifier.grammar.trees import Unread
from rewards.verifier.grammar.units import cut
from rewards.verifier.grammar.words import FUNCTION_WORDS, is_product

_TEXT = r"\\(?:text|mbox|mathrm|textbf|textit|textrm)\s*\{([^{}]*)\}"
_TRAILING_TEXT = re.compile(_TEXT + r"[^A-Za-z0-9]*$")
_HEDGE = re.compile(r"[0-9]|\b(?:or|else|maybe|perhaps|either|any|not|but|unless|except)\b", re.IGNORECASE)
_SECOND_UNIT = re.compile(_TEXT + r"\s*[0-9]")
_RUN = re.compile(r"\\(?:text|mbox|mathrm|begin|end|operatorname)\w*\s*\{[^{}]*\}|\\[A-Za-z]+|([A-Za-z]{2,})")
_CAPITAL = re.compile(r"\\[A-Za-z]+(?:\s*\{[A-Za-z ]*\})?|([A-Z])(?![A-Za-z]?_)")
_DECIMALS, _EXACT = 1e-4, 1e-12
"""The shares by which numbers may differ, with a decimal among them and without."""

# A judge reports by its verdicts; math-verify's own warnings would come once an answer.
for _name in ("math_verify.parser", "math_verify.grader"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def judge(gold: str, answer: str, exactly: bool = False) -> Verdict:
    """Whether `answer` equals `gold`. `crashed` where the gold answer itself cannot be parsed."""
    from math_verify import verify

    try:
        golds = _parsed(_readable(gold))
    except Exception:
        golds = []
    if not golds:
        return Verdict.CRASHED
    try:
        answers = _parse(_readable(answer))
    except Exception:
        return Verdict.UNPARSABLE
    if not answers or (isinstance(answers[0], str) and not isinstance(golds[0], str)):
        return Verdict.UNPARSABLE
    if _says_more(gold, answer) or _restates(golds[0], answers[0]) or _contradicts(answers[0]):
        return Verdict.WRONG
    right = verify(golds, answers, timeout_seconds=None) and not _only_rounds(golds[0], answers[0], exactly)
    return Verdict.CORRECT if right else Verdict.WRONG


def _readable(text: str) -> str:
    """An answer as math-verify reads it rightly: tidy, without a unit, capitals told from small letters."""
    text = tidy(text)
    with contextlib.suppress(Unread):
        text = cut(text).rest
    text = _RUN.sub(_as_one, text)
    letters = set(re.sub(r"\\[A-Za-z]+", "", text))
    if any(letter.lower() in letters for letter in letters if letter.isupper()):
        text = _CAPITAL.sub(lambda found: f"{found[1]}_{{0}}" if found[1] else found[0], text)
    return text.replace("°", " ")


def _as_one(found: re.Match[str]) -> str:
    """A word, or points such as ABC, as one symbol, where math-verify would multiply its letters."""
    run = found[1]
    if not run or run in FUNCTION_WORDS or is_product(run):
        return found[0]
    return f"{run[0]}_{{{run[1:]}}}"


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> list[Any]:
    return _parse(expression)


def _parse(expression: str) -> list[Any]:
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    plain = NormalizationConfig(units=False, malformed_operators=True, nits=True)
    config = LatexExtractionConfig(boxed_match_priority=0, normalization_config=plain)
    return list(
        parse(f"\\boxed{{{expression}}}", extraction_config=[config], parsing_timeout=None, raise_on_error=True)
    )


def _says_more(gold: str, answer: str) -> bool:
    r"""Whether a closing `\text{…}` says more than a unit would, or a second unit comes after the first."""
    trailing = _TRAILING_TEXT.search(answer)
    more = trailing is not None and trailing.start() > 0 and bool(_HEDGE.search(trailing[1]))
    return (more and trailing is not None and trailing[1] not in gold) or (
        _SECOND_UNIT.search(answer) is not None and _SECOND_UNIT.search(gold) is None
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


def _only_rounds(gold: Any, answer: Any, exactly: bool) -> bool:
    """Whether two numbers differ by more than a share of themselves, a larger one where one is a decimal."""
    from sympy import Expr, Float

    if not (isinstance(gold, Expr) and isinstance(answer, Expr)):
        return False
    if gold.is_number is not True or answer.is_number is not True:
        return False
    share = _DECIMALS if not exactly and (gold.has(Float) or answer.has(Float)) else _EXACT
    try:
        g, a = complex(gold.doit()), complex(answer.doit())
        return abs(g - a) > share * max(abs(g), abs(a))
    except (OverflowError, TypeError):
        return False
