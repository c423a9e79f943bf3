"""The fast path: says right or wrong where it is sure, in microseconds, and None where it is not.

Right: the same text, or the same value exactly. Wrong: values that differ exactly, or that lie clearly
apart at sample points. Everything else is for the full check, with which it agrees wherever it answers.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rewards.verifier.comparison.numbers import APART
from rewards.verifier.comparison.policies import LENIENT
from rewards.verifier.comparison.same import Comparison
from rewards.verifier.grammar.points import both_at
from rewards.verifier.grammar.text import LONGEST, tidy
from rewards.verifier.grammar.trees import Tree
from rewards.verifier.latex import read

_BLANK = re.compile(r"(?<![0-9A-Za-z.])\s+|\s+(?![0-9A-Za-z.])")
_SAMPLES = 2
_ROUNDING = 1e-7
"""The share of a value that is no more than the rounding of doubles."""


def compare(gold: str, answer: str, strictness: frozenset[str] = LENIENT) -> bool | None:
    """Whether `answer` is right by `gold`; None where this cannot be said quickly."""
    if gold == answer:
        return bool(gold)
    g, a = read(gold), read(answer)
    if g is not None and a is not None:
        return (_USUAL if not strictness else Comparison(SHALLOW, strictness)).same(g, a)
    if max(len(gold), len(answer)) > LONGEST:
        return None
    return True if squeezed(gold) == squeezed(answer) else None


@lru_cache(maxsize=8192)
def squeezed(text: str) -> str:
    """The answer in plain LaTeX without the spaces that say nothing."""
    return _BLANK.sub("", tidy(text))


class Shallow:
    """Expressions at two points, in doubles: they surely differ, or nothing is said."""

    def equal(self, gold: Tree, answer: Tree) -> bool | None:
        try:
            found = both_at(gold, answer, _SAMPLES, real=True)
        except (ArithmeticError, ValueError):
            return None
        return False if all(_apart(g, a) for g, a in found) else None

    def near(self, gold: Tree, answer: Tree) -> bool | None:
        return self.equal(gold, answer)

    def multiple(self, gold: Tree, answer: Tree, directed: bool) -> bool | None:
        try:
            found = both_at(gold, answer, _SAMPLES + 1, real=True)
        except (ArithmeticError, ValueError):
            return None
        if len(found) < _SAMPLES or any(min(abs(g), abs(a)) < APART for g, a in found):
            return None
        first, *others = (g / a for g, a in found)
        return False if any(_apart(first, other) for other in others) else None


def _apart(one: complex, other: complex) -> bool:
    return abs(one - other) > APART + _ROUNDING * max(abs(one), abs(other))


SHALLOW = Shallow()
_USUAL = Comparison(SHALLOW)
