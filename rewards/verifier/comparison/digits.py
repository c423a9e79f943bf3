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
_NOTHING = mpmath.mpf(10) ** -80
"""So much is left of what should vanish."""
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
    """Expressions at six points in a hundred digits."""

    def equal(self, gold: Tree, answer: Tree) -> bool | None:
        found = _both(gold, answer)
        return None if found is None else all(_same(g, a) for g, a in found)

    def near(self, gold: Tree, answer: Tree) -> bool | None:
        found = _both(gold, answer)
        return None if found is None else all(_same(g, a) or _rounds(g, a) for g, a in found)

    def multiple(self, gold: Tree, answer: Tree, directed: bool) -> bool | None:
        found = _both(gold, answer)
        if found is None or len(found) < 2:
            return None
        vanish = [(abs(g) < _NOTHING, abs(a) < _NOTHING) for g, a in found]
        if any(map(any, vanish)):
            return None if all(map(all, vanish)) else False
        with mpmath.workdps(_DIGITS):
            first, *others = (g / a for g, a in found)
        return all(_same(first, other) for other in others) and not (directed and mpmath.re(first) < 0)


def _both(gold: Tree, answer: Tree) -> list[tuple[Any, Any]] | None:
    """What both are at the points; None where they have no values."""
    with mpmath.workdps(_DIGITS):
        try:
            found = both_at(gold, answer, _POINTS, FIELD)
        except (ArithmeticError, ValueError):
            return None
    return [pair for pair in found if all(map(mpmath.isfinite, pair))] or None


def _same(one: Any, other: Any) -> bool:
    with mpmath.workdps(_DIGITS):
        gap = abs(one - other)
        return bool(gap <= _NOTHING or gap <= _SHARE * max(abs(one), abs(other)))


def _rounds(one: Any, other: Any) -> bool:
    """Whether two agree to six places, and to a ten-thousandth of themselves."""
    with mpmath.workdps(_DIGITS):
        if abs(one - other) > _ROUNDED * max(abs(one), abs(other)):
            return False
        return all(_place(part(one)) == _place(part(other)) for part in (mpmath.re, mpmath.im))


def _place(value: Any) -> Any:
    return mpmath.nint(value * 10**_PLACES)
