"""What an answer may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rewards.verifier.grammar.trees import Tree, names_in, renamed
from rewards.verifier.grammar.units import Unit


@dataclass(frozen=True)
class Scalar:
    """A number or an expression. Percent sign, unit and base stand apart from the value."""

    tree: Tree
    decimal: bool = False
    percent: bool = False
    base: int | None = None
    unit: Unit | None = None
    spelled: Tree | None = None
    """The value where the unit, written as bare letters, is a product of variables."""


@dataclass(frozen=True)
class Word:
    """An answer in words, lower-cased, without spaces and brackets."""

    text: str


@dataclass(frozen=True)
class Listed:
    """Several values, in the brackets they were written in: `()`, `[)`, `{}`, or none at all.

    Four more kinds: `:` is a ratio, `::` a time of day, its half with it where it is said, `=` assignments to different
    letters, `<>` words in an order.
    """

    brackets: str
    items: tuple[Value, ...]


@dataclass(frozen=True)
class Union:
    parts: tuple[Value, ...]


@dataclass(frozen=True)
class Matrix:
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Equation:
    """A name (x, AB, or f with its arguments) and what it equals, or what it lies in."""

    letters: str
    right: Value
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Relation:
    """Two sides with `=`, `<`, `<=` or `!=` between them; those the other way round are turned."""

    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True)
class Piece:
    """An interval, each end in it or not."""

    left: Tree
    right: Tree
    left_in: bool
    right_in: bool


@dataclass(frozen=True)
class Region:
    """Where a letter lies, by inequalities: intervals from left to right, which do not meet."""

    letters: str
    pieces: tuple[Piece, ...]


Value = Scalar | Word | Listed | Union | Matrix | Equation | Relation | Region


def trees_of(value: Value) -> list[Tree]:
    """Every tree in it."""
    match value:
        case Scalar(tree=tree):
            return [tree]
        case Listed(items=items) | Union(parts=items):
            return [tree for item in items for tree in trees_of(item)]
        case Matrix(rows=rows):
            return [tree for row in rows for item in row for tree in trees_of(item)]
        case Equation(right=right):
            return trees_of(right)
        case Relation(left=left, right=other):
            return [left, other]
        case Region(pieces=pieces):
            return [tree for piece in pieces for tree in (piece.left, piece.right)]
    return []


def letters_in(value: Value) -> set[str]:
    """The letters that stand for something in it, those that are set equal to something too."""
    found = set().union(*map(names_in, trees_of(value)))
    if isinstance(value, Equation | Region):
        found |= set(value.letters)
    if isinstance(value, Listed):
        found |= {name for item in value.items if isinstance(item, Equation) for name in item.letters}
    return found


def with_letters(value: Value, names: Mapping[str, str]) -> Value:
    """The same with other letters."""
    if not names:
        return value
    match value:
        case Scalar():
            spelled = None if value.spelled is None else renamed(value.spelled, names)
            return replace(value, tree=renamed(value.tree, names), spelled=spelled)
        case Listed():
            return replace(value, items=tuple(with_letters(item, names) for item in value.items))
        case Union():
            return Union(tuple(with_letters(part, names) for part in value.parts))
        case Matrix():
            return Matrix(tuple(tuple(with_letters(item, names) for item in row) for row in value.rows))
        case Equation():
            head = "".join(names.get(letter, letter) for letter in value.letters)
            arguments = tuple(names.get(name, name) for name in value.arguments)
            return Equation(head, with_letters(value.right, names), arguments)
        case Relation():
            return Relation(value.sign, renamed(value.left, names), renamed(value.right, names))
        case Region():
            return replace(value, letters="".join(names.get(letter, letter) for letter in value.letters))
    return value
