"""The fast path: says right or wrong where it is sure, in microseconds, and None where it is not.

Right: the same text, or the same value exactly. Wrong: values that differ exactly, or that lie clearly
apart at sample points. Everything else is for the full check, with which it agrees wherever it answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from rewards.verifier.latex import LONGEST, Equation, Listed, Matrix, Scalar, Union, Value, Word, read, tidy
from rewards.verifier.trees import Tree, holds_infinity, names_in, value_at

_BLANK = re.compile(r"(?<![0-9A-Za-z.])\s+|\s+(?![0-9A-Za-z.])")
_APART = 1e-5
"""math-verify rounds decimals to six places; what lies further apart is not equal to it."""
_RELATIVE = Fraction(1, 10_000)
"""Decimals that it rounds to the same six places are not equal here if they differ by more than this share."""
_NAMED = {"pi", "inf", "infty", "infinity", "e", "i", "zero", "emptyset", "null", "none"}
"""Words that may be values."""
_SAMPLES = (0.7310585, 1.6180339)


def compare(gold: str, answer: str) -> bool | None:
    """Whether `answer` is right by `gold`; None where this cannot be said quickly."""
    if gold == answer:
        return bool(gold)
    g, a = read(gold), read(answer)
    if g is not None and a is not None:
        return same(g, a)
    if max(len(gold), len(answer)) > LONGEST:
        return None
    return True if squeezed(gold) == squeezed(answer) else None


@lru_cache(maxsize=8192)
def squeezed(text: str) -> str:
    """The answer in plain LaTeX without the spaces that say nothing."""
    return _BLANK.sub("", tidy(text))


def same(gold: Value, answer: Value) -> bool | None:
    """Whether two values are equal; None where this cannot be said quickly."""
    if isinstance(gold, Equation) != isinstance(answer, Equation):
        gold = gold.right if isinstance(gold, Equation) else gold
        answer = answer.right if isinstance(answer, Equation) else answer
    if isinstance(gold, Equation) and isinstance(answer, Equation):
        return _equations(gold, answer)
    if isinstance(gold, Scalar) and isinstance(answer, Scalar):
        return _scalars(gold, answer)
    if isinstance(gold, Word) and isinstance(answer, Word):
        return _words(gold.text, answer.text)
    if isinstance(gold, Listed) and isinstance(answer, Listed):
        return _lists(gold, answer)
    if isinstance(gold, Matrix) and isinstance(answer, Matrix):
        if [len(row) for row in gold.rows] != [len(row) for row in answer.rows]:
            return False
        return _each([c for row in gold.rows for c in row], [c for row in answer.rows for c in row])
    if isinstance(gold, Union) and isinstance(answer, Union):
        equal = len(gold.parts) == len(answer.parts) and _each(gold.parts, answer.parts)
        return True if equal else None
    return _of_two_kinds(gold, answer)


def _of_two_kinds(gold: Value, answer: Value) -> bool | None:
    """A word is no number, and neither is a list of several different things."""
    for one, other in ((gold, answer), (answer, gold)):
        if isinstance(one, Word) and isinstance(other, Scalar):
            if len(one.text) == 1 and isinstance(other.tree, tuple) and other.tree[0] == "var":
                return one.text == other.tree[1]
            plain = not names_in(other.tree) and one.text.isalpha() and one.text not in _NAMED
            return False if plain else None
        if isinstance(other, Scalar | Word) and isinstance(one, Matrix | Union):
            return False
        if isinstance(other, Scalar | Word) and isinstance(one, Listed):
            return False if _all_differ(one.items) else None
    return None


def _all_differ(items: Sequence[Value]) -> bool:
    return len(items) > 1 and any(same(a, b) is False for a, b in pairwise(items))


def _each(golds: Sequence[Value], answers: Sequence[Value]) -> bool | None:
    """Of values in order: all equal, one surely not, or neither."""
    found = [same(g, a) for g, a in zip(golds, answers, strict=True)]
    if all(found):
        return True
    return False if False in found else None


def _equations(gold: Equation, answer: Equation) -> bool | None:
    if gold.letters != answer.letters:
        return None
    equal = same(gold.right, answer.right)
    if equal is False and set(gold.letters) & (_names_of(gold.right) | _names_of(answer.right)):
        return None
    return equal


def _words(gold: str, answer: str) -> bool | None:
    if gold == answer:
        return True
    plain = gold.isalpha() and answer.isalpha() and not {gold, answer} & (_NAMED - {"e", "i"})
    return False if plain and sorted(gold) != sorted(answer) else None


def _lists(gold: Listed, answer: Listed) -> bool | None:
    brackets = {gold.brackets, answer.brackets}
    ordered = not brackets & {"", "{}"}
    if len(gold.items) != len(answer.items):
        # A set may hold a value twice.
        return False if ordered or (_sorted(gold) and _sorted(answer)) else None
    if len(brackets) == 1 or brackets <= {"", "{}", "()"}:
        equal = _each(gold.items, answer.items)
        if equal or (ordered and equal is False):
            return equal
    elif ordered and len(gold.items) == 2:
        return False
    if brackets <= {"", "{}"}:
        golds, answers = _sorted(gold), _sorted(answer)
        return _each(golds, answers) if golds and answers else None
    return None


def _sorted(listed: Listed) -> list[Value] | None:
    """The items by size, where all are real numbers surely different from one another."""
    sized: list[tuple[float, Value]] = []
    for item in listed.items:
        if not isinstance(item, Scalar) or item.percent or names_in(item.tree):
            return None
        try:
            value = value_at(item.tree, {})
        except (ArithmeticError, ValueError):
            return None
        if value.imag:
            return None
        sized.append((value.real, item))
    sized.sort(key=lambda pair: pair[0])
    apart = all(b - a > _APART * (1 + abs(a)) for (a, _), (b, _) in pairwise(sized))
    return [item for _, item in sized] if apart else None


def _scalars(gold: Scalar, answer: Scalar) -> bool | None:
    g, a = gold.tree, answer.tree
    if gold.base is not None and answer.base is not None:
        return g == a and gold.base == answer.base
    if isinstance(g, Fraction) and isinstance(a, Fraction):
        if gold.percent != answer.percent:
            return _percentages(g, a, gold.percent)
        return _rationals(g, a, gold.decimal or answer.decimal)
    if gold.percent or answer.percent:
        return None
    if g == a:
        return True
    if g in _INFINITE or a in _INFINITE:
        # The other one is not the same infinity; whether it is one at all is not said here.
        return (
            False if not (holds_infinity(g) and holds_infinity(a) and not (g in _INFINITE and a in _INFINITE)) else None
        )
    return False if _apart(g, a) else None


_INFINITE: tuple[Tree, ...] = (("inf",), ("mul", Fraction(-1), ("inf",)))


def _rationals(gold: Fraction, answer: Fraction, decimal: bool) -> bool | None:
    if gold == answer:
        return True
    gap = abs(gold - answer)
    if decimal and gap <= _APART and gap <= _RELATIVE * max(abs(gold), abs(answer)):
        return None
    return False


def _percentages(gold: Fraction, answer: Fraction, of_gold: bool) -> bool | None:
    """One of the two has a percent sign. Of whole numbers it says nothing: 9 % is 9."""
    percent, plain = (gold, answer) if of_gold else (answer, gold)
    if percent.denominator == plain.denominator == 1:
        return None if percent == 100 * plain != 0 else percent == plain
    if percent == 100 * plain:
        return True
    return None if abs(percent - plain) <= _APART or abs(percent / 100 - plain) <= _APART else False


def _apart(gold: Tree, answer: Tree) -> bool:
    """Whether two expressions surely differ: at both of two points, by far more than rounding."""
    names = sorted(names_in(gold) | names_in(answer))
    try:
        for sample in _SAMPLES if names else _SAMPLES[:1]:
            point = {name: complex(sample + 0.37 * place) for place, name in enumerate(names)}
            point["i"] = 1j
            g, a = value_at(gold, point), value_at(answer, point)
            if not abs(g - a) > _APART + 1e-7 * max(abs(g), abs(a)):
                return False
    except (ArithmeticError, ValueError):
        return False
    return True


def _names_of(value: Value) -> set[str]:
    """The letters in a value; of a kind that may hide some, all of them."""
    if isinstance(value, Scalar):
        return names_in(value.tree)
    return set("abcdefghijklmnopqrstuvwxyz")
