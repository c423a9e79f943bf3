"""Expressions worked out to a hundred digits: equal for all that anyone writes, or not.

For workers: it may take long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath

from rewards.verifier.grammar.points import both_at
from rewards.verifier.grammar.trees import Tree

_DIGITS = 100
_POINTS = 6
_SHARE = mpmath.mpf(10) ** -40
"""Two values that differ by less of themselves are the same."""
_LITTLE, _SHRUNK = mpmath.mpf(10) ** -60, mpmath.mpf(10) ** -200
"""What may be left of nothing, and how much less is left of it in four times as many digits."""
_PLACES = 6
_ROUNDED = mpmath.mpf(10) ** -4
"""The share by which decimals that agree to six places may still differ."""


class Digits:
    """Arithmetic of mpmath's complex numbers."""

    def number(self, value: Fraction | float) -> Any:
        if isinstance(value, Fraction):
            return mpmath.mpf(value.numerator) / value.denominator
        return mpmath.mpf(value)

    def constant(self, name: str) -> Any:
        return {"pi": +mpmath.pi, "e": +mpmath.e, "i": mpmath.mpc(0, 1)}[name]

    def power(self, base: Any, exponent: Any) -> Any:
        return base**exponent

    def function(self, name: str, values: Sequence[Any]) -> Any:
        return _FUNCTIONS[name](*values)

    def is_real(self, value: Any) -> bool:
        return bool(abs(mpmath.im(value)) <= _SHARE * max(1, abs(value)))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "cot": mpmath.cot, "sec": mpmath.sec, "csc": mpmath.csc,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "ln": mpmath.log, "abs": abs, "factorial": mpmath.factorial, "binom": mpmath.binomial,
}  # fmt: skip
FIELD = Digits()


class Deep:
    """Expressions at six points in a hundred digits, and in four hundred where one may be nothing."""

    def equal(self, gold: Tree, answer: Tree) -> bool | None:
        found = _both(gold, answer)
        if found is None or all(_same(g, a) for g, a in found):
            return None if found is None else True
        return False if any(not _same(g, a) and _gap(g, a) > _LITTLE for g, a in found) else _vanishes(gold, answer)

    def near(self, gold: Tree, answer: Tree) -> bool | None:
        found = _both(gold, answer)
        if found is not None and all(_same(g, a) or _rounds(g, a) for g, a in found):
            return True
        return self.equal(gold, answer)

    def multiple(self, gold: Tree, answer: Tree, directed: bool) -> bool | None:
        found = _both(gold, answer)
        if found is None or len(found) < 2:
            return None
        little = [(abs(g) < _LITTLE, abs(a) < _LITTLE) for g, a in found]
        if any(map(any, little)):
            return None if all(map(all, little)) else False
        with mpmath.workdps(_DIGITS):
            first, *others = (g / a for g, a in found)
        return all(_same(first, other) for other in others) and not (directed and mpmath.re(first) < 0)


def _both(gold: Tree, answer: Tree, digits: int = _DIGITS) -> list[tuple[Any, Any]] | None:
    """What both are at the points; None where they have no values."""
    with mpmath.workdps(digits):
        try:
            found = both_at(gold, answer, _POINTS, FIELD)
        except (ArithmeticError, ValueError):
            return None
    return [pair for pair in found if all(map(mpmath.isfinite, pair))] or None


def _vanishes(gold: Tree, answer: Tree) -> bool:
    """Whether a little difference is rounding: it shrinks with more digits."""
    before, after = _both(gold, answer), _both(gold, answer, 4 * _DIGITS)
    if before is None or after is None or len(before) != len(after):
        return False
    return all(_gap(*fine, 4 * _DIGITS) <= _gap(*coarse) * _SHRUNK for coarse, fine in zip(before, after, strict=True))


def _gap(one: Any, other: Any, digits: int = _DIGITS) -> Any:
    with mpmath.workdps(digits):
        return abs(one - other)


def _same(one: Any, other: Any) -> bool:
    return bool(_gap(one, other) <= _SHARE * max(abs(one), abs(other)))


def _rounds(one: Any, other: Any) -> bool:
    """Whether two agree to six places, and to a ten-thousandth of themselves."""
    if _gap(one, other) > _ROUNDED * max(abs(one), abs(other)):
        return False
    with mpmath.workdps(_DIGITS):
        return all(_place(part(one)) == _place(part(other)) for part in (mpmath.re, mpmath.im))


def _place(value: Any) -> Any:
    return mpmath.nint(value * 10**_PLACES)
