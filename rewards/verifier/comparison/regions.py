"""Intervals, their unions and inequalities."""

from __future__ import annotations

from collections.abc import Sequence

from rewards.verifier.comparison.numbers import Numbers
from rewards.verifier.comparison.policies import every
from rewards.verifier.grammar.relations import pieces_of
from rewards.verifier.grammar.trees import INFINITE, Unread
from rewards.verifier.grammar.values import Matrix, Piece, Region, Relation, Scalar, Union, Value, Word


def same_region(gold: Value, answer: Value, numbers: Numbers) -> bool | None:
    """Whether two values, one of them a union or an inequality, are the same part of the real line."""
    if isinstance(gold, Relation) or isinstance(answer, Relation):
        one, other = _as_relation(gold), _as_relation(answer)
        return None if one is None or other is None else numbers.relations(one, other)
    if isinstance(gold, Scalar | Word | Matrix) or isinstance(answer, Scalar | Word | Matrix):
        return False
    if isinstance(gold, Region) != isinstance(answer, Region) and "form" in numbers.strictness:
        return False
    if isinstance(gold, Region) and isinstance(answer, Region) and not _of_one_letter(gold, answer):
        return False
    try:
        golds, answers = pieces_of(gold), pieces_of(answer)
    except Unread:
        return None
    if golds is None or answers is None:
        return None
    if len(golds) != len(answers) and isinstance(gold, Union) and isinstance(answer, Union):
        return None  # intervals of a union may meet
    return _same_pieces(golds, answers, numbers)


def _of_one_letter(gold: Region, answer: Region) -> bool:
    return gold.letters == answer.letters or "" in (gold.letters, answer.letters)


def _same_pieces(gold: Sequence[Piece], answer: Sequence[Piece], numbers: Numbers) -> bool | None:
    if [(p.left_in, p.right_in) for p in gold] != [(p.left_in, p.right_in) for p in answer]:
        return False
    ends = [pair for g, a in zip(gold, answer, strict=True) for pair in ((g.left, a.left), (g.right, a.right))]
    return every([numbers.trees(g, a) for g, a in ends])


def _as_relation(value: Value) -> Relation | None:
    """An inequality, one with the letter alone on a side as well."""
    if not isinstance(value, Region) or len(value.pieces) != 1:
        return value if isinstance(value, Relation) else None
    piece, letter = value.pieces[0], ("var", value.letters)
    if piece.left in INFINITE and piece.right not in INFINITE:
        return Relation("<=" if piece.right_in else "<", letter, piece.right)
    if piece.right in INFINITE and piece.left not in INFINITE:
        return Relation("<=" if piece.left_in else "<", piece.left, letter)
    return None
