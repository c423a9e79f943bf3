"""Numbers and expressions as trees, exact where they are rational."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from operator import add, mul

_BITS = 4096
"""Numbers with more are not worked out."""

Tree = Fraction | tuple["str | Tree", ...]
"""A number, or an operation on trees: `("add", …)`, `("mul", …)`, `("pow", base, exponent)`, `("fn", name, argument…)`,
`("var", "x")`, `("pi",)`, `("e",)`, `("i",)`, `("inf",)`."""

_ZERO, _ONE, _LESS = Fraction(0), Fraction(1), Fraction(-1)
INFINITE: tuple[Tree, ...] = (("inf",), ("mul", Fraction(-1), ("inf",)))


class Unread(Exception):
    """Outside of what is read here."""


def plus(terms: list[Tree]) -> Tree:
    return terms[0] if len(terms) == 1 else _gather("add", terms, add, _ZERO)


def times(factors: list[Tree]) -> Tree:
    if len(factors) == 1:
        return factors[0]
    tree = _gather("mul", factors, mul, _ONE)
    return _ZERO if isinstance(tree, tuple) and tree[1:2] == (_ZERO,) and not holds_infinity(tree) else tree


def negative(tree: Tree) -> Tree:
    return -tree if isinstance(tree, Fraction) else times([_LESS, tree])


def minus(left: Tree, right: Tree) -> Tree:
    return plus([left, negative(right)])


def _gather(kind: str, parts: list[Tree], join: Callable[[Fraction, Fraction], Fraction], unit: Fraction) -> Tree:
    """One flat operation: its numbers joined, the rest in a fixed order."""
    number, rest = unit, []
    for part in parts:
        inner = list(part[1:]) if isinstance(part, tuple) and part[0] == kind else [part]
        for piece in inner:
            if isinstance(piece, Fraction):
                number = piece if number is unit else join(number, piece)
            else:
                rest.append(piece)
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > _BITS:
        raise Unread
    if not rest:
        return number
    flat: list[str | Tree] = sorted(rest, key=repr)  # type: ignore[assignment]
    if number != unit:
        flat.insert(0, number)
    return flat[0] if len(flat) == 1 and not isinstance(flat[0], str) else (kind, *flat)


def power(base: Tree, exponent: Tree) -> Tree:
    if exponent == 1:
        return base
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        if exponent.denominator == 1:
            if base == 0 and exponent <= 0:
                raise Unread
            size = max(base.numerator.bit_length(), base.denominator.bit_length())
            if abs(exponent) * size > _BITS:
                raise Unread
            return Fraction(base**exponent.numerator)
        return _root(base, exponent)
    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    if isinstance(base, tuple) and base[0] == "mul" and whole:
        return times([power(part, exponent) for part in parts_of(base)])
    if isinstance(base, tuple) and base[0] == "pow" and whole:
        inner, first = parts_of(base)
        return power(inner, times([first, exponent]))
    return ("pow", base, exponent)


def _root(base: Fraction, exponent: Fraction) -> Tree:
    """A square root taken where it is rational, squares drawn out of it where they are small."""
    if base < 0 and exponent.denominator > 2:  # a real root or a complex one: two readings
        raise Unread
    if exponent.denominator != 2 or exponent.numerator not in (1, -1) or base <= 0:
        return ("pow", base, exponent)
    if exponent < 0:
        base = 1 / base
    top, under = _square_part(base.numerator * base.denominator)
    return times(
        [Fraction(top, base.denominator), ("pow", Fraction(under), Fraction(1, 2))]
        if under > 1
        else [Fraction(top, base.denominator)]
    )


def _square_part(number: int) -> tuple[int, int]:
    """(a, b) with number = a²·b, squares of small primes drawn out."""
    if number.bit_length() > 64:
        raise Unread
    outside, factor = 1, 2
    while factor * factor <= number and factor < 1000:
        while number % (factor * factor) == 0:
            number //= factor * factor
            outside *= factor
        factor += 1
    return outside, number


def holds_infinity(tree: Tree) -> bool:
    """Whether infinity is anywhere in it."""
    return tree == ("inf",) or any(holds_infinity(part) for part in parts_of(tree))


def parts_of(tree: Tree) -> list[Tree]:
    """What an operation works on."""
    return [] if isinstance(tree, Fraction) else [part for part in tree[1:] if not isinstance(part, str)]


def names_in(tree: Tree) -> set[str]:
    """The letters in it."""
    if isinstance(tree, tuple) and tree[0] == "var":
        return {str(tree[1])}
    return set().union(*map(names_in, parts_of(tree)))


def is_complex(tree: Tree) -> bool:
    """Whether the imaginary unit is written in it."""
    return tree == ("i",) or any(is_complex(part) for part in parts_of(tree))


def renamed(tree: Tree, names: Mapping[str, str]) -> Tree:
    """The tree with other letters, in the order that goes with them."""
    if isinstance(tree, Fraction):
        return tree
    if tree[0] == "var":
        return ("var", names.get(str(tree[1]), str(tree[1])))
    parts = [renamed(part, names) for part in parts_of(tree)]
    if tree[0] in ("add", "mul"):
        return (plus if tree[0] == "add" else times)(parts)
    return (*tree[: len(tree) - len(parts)], *parts)
