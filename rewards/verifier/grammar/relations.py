r"""Inequalities and what says the same: `2 \le x < 5`, `x \ne 2`, `\{x \mid x > 2\}`, `\mathbb{R} \setminus \{2\}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from rewards.verifier.grammar.expression import parse
from rewards.verifier.grammar.points import size
from rewards.verifier.grammar.text import split
from rewards.verifier.grammar.trees import INFINITE, Tree, Unread, names_in
from rewards.verifier.grammar.values import Listed, Piece, Region, Relation, Scalar, Union, Value

_INDEX = r"(?:_(?:[A-Za-z0-9]|\{[A-Za-z0-9]+\}))?"
_LETTER = rf"(?:[A-Za-z]|\\[a-z]+){_INDEX}"
HEAD = re.compile(
    rf"\s*((?:\\angle\s*)?[A-Za-z]{{1,3}}'?|{_LETTER}'?)\s*(?:\(\s*({_LETTER}(?:\s*,\s*{_LETTER})*)\s*\))?\s*"
)
"""A name that something is said of: x, AB, \\theta, f(x, y)."""
SIGN = re.compile(r"\\(?:le|ge|ne)(?![A-Za-z])|[<>]=?|!=")
_OR = re.compile(
    r"\s*(?:\\(?:text|mbox|textrm)\s*\{\s*or\s*\}|(?<![A-Za-z])or(?![A-Za-z])|\\cup(?![A-Za-z])|\\lor(?![A-Za-z])|\\vee(?![A-Za-z]))\s*"
)
_AND = re.compile(
    r"\s*(?:\\(?:text|mbox|textrm)\s*\{\s*and\s*\}|(?<![A-Za-z])and(?![A-Za-z])|\\land(?![A-Za-z])|\\wedge(?![A-Za-z]))\s*"
)
_BUILDER = re.compile(
    rf"\\\{{\s*({_LETTER})\s*(?:\\in\s*\\mathbb\s*\{{?\s*R\s*\}}?\s*)?(?:\||:|\\mid(?![A-Za-z])|\\colon(?![A-Za-z]))(.*)\\\}}"
)
_REALS = re.compile(r"\\mathbb\s*\{?\s*R\s*\}?\s*(?:(?:\\setminus|\\backslash|-|\\smallsetminus)\s*(.*))?")
_PLAIN = {r"\le": "<=", r"\ge": ">=", r"\ne": "!="}
_TURNED = {">": "<", ">=": "<="}
_LOWEST, _HIGHEST = INFINITE[1], INFINITE[0]


def read_relation(text: str) -> Region | Relation | None:
    """What a text says with inequalities; None where it holds none. Errors: Unread."""
    builder = _BUILDER.fullmatch(text)
    if builder:
        said = read_relation(builder[2].strip())
        if said is None:
            raise Unread
        return said
    if r"\mathbb" in text:
        reals = _REALS.fullmatch(text)
        return None if reals is None else Region("", _without(_points(reals[1])) if reals[1] else _without([]))
    if not SIGN.search(text):
        return None
    parts = [_all_of(part) for part in _OR.split(text)]
    return parts[0] if len(parts) == 1 else _united(parts)


def _points(text: str) -> list[Tree]:
    inside = text.strip()
    if inside[:2] == r"\{" and inside[-2:] == r"\}":
        inside = inside[2:-2]
    return [parse(part) for part in split(inside)]


def _all_of(text: str) -> Region | Relation:
    """Several inequalities that all hold: `x > 1 and x < 3`, `x > 0, x \\ne 1`, `x \\ne 1, 2`."""
    parts = [part for piece in _AND.split(text) for part in split(piece)]
    said = [_one(parts[0])]
    for part in parts[1:]:
        first = said[0]
        if SIGN.search(part):
            said.append(_one(part))
        elif isinstance(first, Region) and r"\ne" in parts[0]:
            said.append(Region(first.letters, _without([parse(part)])))
        else:
            raise Unread
    if len(said) == 1:
        return said[0]
    regions = [region for region in said if isinstance(region, Region)]
    if len(regions) < len(said) or len({region.letters for region in regions}) > 1:
        raise Unread
    pieces: Sequence[Piece] = regions[0].pieces
    for region in regions[1:]:
        pieces = [both for a in pieces for b in region.pieces if (both := _both(a, b)) is not None]
    return Region(regions[0].letters, tuple(pieces))


def _one(text: str) -> Region | Relation:
    """One chain of inequalities."""
    if "=" in SIGN.sub("", text):
        raise Unread
    signs = [_PLAIN.get(sign, sign) for sign in SIGN.findall(text)]
    sides = SIGN.split(text)
    if len(sides) == 3:
        sides, signs = _turned(sides, signs)
        head = HEAD.fullmatch(sides[1])
        if head is None or not {*signs} <= {"<", "<="}:
            raise Unread
        low, high = parse(sides[0]), parse(sides[2])
        if names_in(low) or names_in(high):
            raise Unread
        return Region(name_of(head), (Piece(low, high, signs[0] == "<=", signs[1] == "<="),))
    if len(sides) != 2:
        raise Unread
    for (a, sign, b), turned in (((sides[0], signs[0], sides[1]), False), ((sides[1], signs[0], sides[0]), True)):
        head = HEAD.fullmatch(a)
        bound = parse(b) if head else None
        if head and bound is not None and not names_in(bound):
            return Region(name_of(head), _from(sign, bound, turned))
    sides, signs = _turned(sides, signs)
    return Relation(signs[0], parse(sides[0]), parse(sides[1]))


def name_of(head: re.Match[str]) -> str:
    """The name in a head, its arguments with it, as `g(x)`."""
    name = head[1].replace(" ", "").replace("{", "").replace("}", "").lstrip("\\")
    return name + (f"({''.join(head[2].split())})" if head[2] else "")


def _turned(sides: list[str], signs: list[str]) -> tuple[list[str], list[str]]:
    """The same with every sign pointing left."""
    if not {*signs} <= set(_TURNED):
        return sides, signs
    return sides[::-1], [_TURNED[sign] for sign in signs[::-1]]


def _from(sign: str, bound: Tree, turned: bool) -> tuple[Piece, ...]:
    """Where a letter is that stands to the left of a sign and a bound, or, turned, to their right."""
    if sign == "!=":
        return _without([bound])
    less = (sign[0] == "<") is not turned
    held = sign.endswith("=")
    return (Piece(_LOWEST, bound, False, held),) if less else (Piece(bound, _HIGHEST, held, False),)


def _without(points: Iterable[Tree]) -> tuple[Piece, ...]:
    """The real line without some points."""
    ends = [_LOWEST, *sorted(points, key=size), _HIGHEST]
    return tuple(Piece(a, b, False, False) for a, b in pairwise(ends))


def _both(a: Piece, b: Piece) -> Piece | None:
    """What lies in two intervals."""
    low = max((a, b), key=lambda piece: (size(piece.left), not piece.left_in))
    high = min((a, b), key=lambda piece: (size(piece.right), piece.right_in))
    if size(low.left) > size(high.right) or (
        size(low.left) == size(high.right) and not (low.left_in and high.right_in)
    ):
        return None
    return Piece(low.left, high.right, low.left_in, high.right_in)


def _united(parts: Sequence[Region | Relation]) -> Region:
    regions = [part for part in parts if isinstance(part, Region)]
    if len(regions) < len(parts) or len({region.letters for region in regions}) > 1:
        raise Unread
    return Region(regions[0].letters, ordered([piece for region in regions for piece in region.pieces]))


def ordered(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Intervals from left to right. Errors: Unread where an end has no size."""
    return tuple(sorted(pieces, key=lambda piece: (size(piece.left), size(piece.right))))


def pieces_of(value: Value) -> tuple[Piece, ...] | None:
    """The intervals that a value is, if it is such."""
    if isinstance(value, Region):
        return value.pieces
    if isinstance(value, Listed):
        piece = _interval(value)
        return None if piece is None else (piece,)
    if isinstance(value, Union):
        found = [_interval(part) if isinstance(part, Listed) else None for part in value.parts]
        known = [piece for piece in found if piece is not None]
        return ordered(known) if len(known) == len(found) else None
    return None


def _interval(listed: Listed) -> Piece | None:
    ends = [item.tree for item in listed.items if isinstance(item, Scalar)]
    if len(ends) != 2 or len(listed.items) != 2 or len(listed.brackets) != 2 or listed.brackets == "{}":
        return None
    return Piece(ends[0], ends[1], listed.brackets[0] == "[", listed.brackets[1] == "]")
