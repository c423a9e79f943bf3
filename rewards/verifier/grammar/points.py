"""Trees worked out at points, in doubles or in many digits, and what that says of two being equal.

Two expressions are taken as functions of real letters: they are compared where both are real, and, where they hold the
imaginary unit or are real together nowhere, everywhere.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from rewards.verifier.grammar.trees import INFINITE, Tree, Unread, is_complex, names_in, parts_of

Point = Mapping[str, Any]
_PLACES = (
    (0.7310585, 0.37),
    (1.6180339, 0.41),
    (-1.3247179, -0.29),
    (2.2360679, -1.13),
    (-0.5671432, 0.83),
    (3.1622776, 0.59),
)
"""The first letter's value, and how far the next ones are from it."""
_NOTICED = 1e-9
"""An imaginary part of a double that is more than rounding."""


def points(names: Sequence[str], count: int) -> list[dict[str, float]]:
    """So many points, or one where there are no letters."""
    places = _PLACES[:count] if names else _PLACES[:1]
    return [{name: start + step * place for place, name in enumerate(names)} for start, step in places]


class Doubles:
    """Arithmetic of Python's complex numbers. Errors: ArithmeticError, ValueError where there is no value."""

    def number(self, value: Fraction | float) -> Any:
        if isinstance(value, Fraction):
            return complex(value.numerator / value.denominator)
        return complex(value)

    def constant(self, name: str) -> Any:
        return {"pi": complex(math.pi), "e": complex(math.e), "i": 1j}[name]

    def power(self, base: Any, exponent: Any) -> Any:
        value = base**exponent
        if not cmath.isfinite(value):
            raise ArithmeticError
        return value

    def function(self, name: str, values: Sequence[Any]) -> Any:
        if name in _DOUBLES:
            return _DOUBLES[name](values[0])
        if name == "factorial":
            return complex(math.gamma(_real(values[0]) + 1))
        if name == "binom":
            n, k = (_real(value) for value in values)
            return complex(math.gamma(n + 1) / (math.gamma(k + 1) * math.gamma(n - k + 1)))
        raise ArithmeticError

    def is_real(self, value: Any) -> bool:
        return bool(abs(value.imag) <= _NOTICED * max(1.0, abs(value)))


def _real(value: complex) -> float:
    if value.imag:
        raise ArithmeticError
    return value.real


_DOUBLES: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan,
    "arcsin": cmath.asin, "arccos": cmath.acos, "arctan": cmath.atan,
    "cot": lambda x: 1 / cmath.tan(x), "sec": lambda x: 1 / cmath.cos(x), "csc": lambda x: 1 / cmath.sin(x),
    "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh, "ln": cmath.log, "abs": lambda x: complex(abs(x)),
}  # fmt: skip
DOUBLES = Doubles()


def value_at(tree: Tree, point: Point, field: Any = DOUBLES) -> Any:
    """The value of an expression. Errors: ArithmeticError, ValueError where it has none or is out of range."""
    if isinstance(tree, Fraction):
        return field.number(tree)
    kind = tree[0]
    if kind == "var":
        return field.number(point[str(tree[1])])
    if kind in ("pi", "e", "i"):
        return field.constant(kind)
    if kind == "inf":
        raise ArithmeticError
    parts = [value_at(part, point, field) for part in parts_of(tree)]
    if kind == "add":
        return sum(parts)
    if kind == "mul":
        return math.prod(parts)
    if kind == "fn":
        return field.function(str(tree[1]), parts)
    return field.power(parts[0], parts[1])


def both_at(gold: Tree, answer: Tree, count: int, field: Any = DOUBLES, real: bool = False) -> list[tuple[Any, Any]]:
    """What two trees are at the points that count; `real`: at no others, though they be real together nowhere.

    Errors: as `value_at`, where there is no such point.
    """
    names = sorted(names_in(gold) | names_in(answer))
    everywhere = not names or is_complex(gold) or is_complex(answer)
    found, both_real = [], []
    for point in points(names, count):
        try:
            values = value_at(gold, point, field), value_at(answer, point, field)
        except (ArithmeticError, ValueError):
            continue
        found.append(values)
        if not everywhere and all(map(field.is_real, values)):
            both_real.append(values)
    if not found or (real and not everywhere and not both_real):
        raise ArithmeticError
    return both_real or found


def size(tree: Tree) -> float:
    """Where a number lies on the real line. Errors: Unread for one that is not real, or has letters."""
    if tree in INFINITE:
        return math.inf if tree == INFINITE[0] else -math.inf
    try:
        value = value_at(tree, {})
    except (ArithmeticError, ValueError, KeyError):
        raise Unread from None
    if not DOUBLES.is_real(value):
        raise Unread
    return float(value.real)
