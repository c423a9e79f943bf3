"""Matrices, and sums and products of them, worked out."""

from __future__ import annotations

import re
from fractions import Fraction

from rewards.verifier.grammar.expression import parse
from rewards.verifier.grammar.trees import Tree, Unread, plus, times
from rewards.verifier.grammar.values import Matrix, Scalar

_LARGEST = 50
"""Rows, or columns, of the largest that is worked with."""
_MATRIX = re.compile(
    r"\\begin\{([pbB]?matrix|smallmatrix|array)\}(?:\{[clr| ]*\})?((?:(?!\\begin).)*?)\\end\{\1\}", re.DOTALL
)
_ROWS = re.compile(r"\\\\(?:\[[^\]]*\])?")
Rows = list[list[Tree]]


def read_matrix(text: str) -> Matrix | None:
    """The matrix that a text is, or that its sums and products give; None where there is none in it. Errors: Unread."""
    if r"\begin{" not in text:
        return None
    found = list(_MATRIX.finditer(text))
    if not found:
        raise Unread
    ends = [0, *(place for match in found for place in match.span()), len(text)]
    between = [text[a:b].strip() for a, b in zip(ends[::2], ends[1::2], strict=True)]
    if len(found) == 1 and (between[0], between[-1]) in (("(", ")"), ("[", "]")):
        between = ["", ""]
    rows = [_rows(match[2]) for match in found]
    if between == ["", ""]:
        return Matrix(tuple(tuple(_scalar(cell) for cell in row) for row in rows[0]))
    return _worked_out([[[parse(cell) for cell in row] for row in table] for table in rows], between)


def _rows(inside: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in row.split("&")] for row in _ROWS.split(inside.strip().removesuffix(r"\\"))]
    if len(rows) > _LARGEST or len(rows[0]) > _LARGEST:
        raise Unread
    return rows


def _scalar(text: str) -> Scalar:
    return Scalar(parse(text), decimal="." in text)


def _worked_out(tables: list[Rows], between: list[str]) -> Matrix:
    """Signs, numbers and matrices from left to right, a product bound closer than a sum."""
    if between[-1]:
        raise Unread
    total: Rows | None = None
    term: Rows | None = None
    for before, table in zip(between, tables, strict=False):
        sign = before[:1]
        if term is not None and sign not in ("+", "-"):
            if before not in ("", r"\cdot", "*", r"\times"):
                raise Unread
            term = _product(term, table)
            continue
        total = term if total is None else _sum(total, term)
        term = _scaled(_factor(before), table)
    assert term is not None
    return _matrix(term if total is None else _sum(total, term))


def _factor(text: str) -> Tree:
    """The number before a matrix: of `-\\frac{1}{2}`, `+` or nothing."""
    text = text.removesuffix(r"\cdot").removesuffix("*").strip()
    if text[:1] == "+":
        text = text[1:].strip()
    return parse(text + "1" if text in ("", "-") else text)


def _scaled(factor: Tree, table: Rows) -> Rows:
    return table if factor == Fraction(1) else [[times([factor, cell]) for cell in row] for row in table]


def _sum(left: Rows, right: Rows | None) -> Rows:
    if right is None:
        return left
    if [len(row) for row in left] != [len(row) for row in right]:
        raise Unread
    return [[plus([a, b]) for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]


def _product(left: Rows, right: Rows) -> Rows:
    if any(len(row) != len(right) for row in left) or len({len(row) for row in right}) != 1:
        raise Unread
    columns = list(zip(*right, strict=True))
    return [[plus([times([a, b]) for a, b in zip(row, column, strict=True)]) for column in columns] for row in left]


def _matrix(table: Rows) -> Matrix:
    return Matrix(tuple(tuple(Scalar(cell) for cell in row) for row in table))
