"""Lists, sets, tuples, ratios, assignments and matrices: whose item is compared with whose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import gcd

from rewards.verifier.comparison.numbers import APART, Numbers
from rewards.verifier.comparison.policies import every
from rewards.verifier.grammar.points import size
from rewards.verifier.grammar.trees import Tree, Unread, times
from rewards.verifier.grammar.values import Equation, Listed, Matrix, Scalar, Value

_FEW = 50
"""Items of a list without order that are compared each with each; of more, in the order of their sizes."""


class Lists:
    """What holds several values, which `same` compares one by one."""

    def __init__(
        self, same: Callable[[Value, Value], bool | None], numbers: Numbers, strictness: frozenset[str]
    ) -> None:
        self.same, self.numbers, self.strictness = same, numbers, strictness

    def lists(self, gold: Listed, answer: Listed) -> bool | None:
        kinds = {gold.brackets, answer.brackets}
        if "::" in kinds:
            return kinds <= {"::", ":"} and _same_time(gold, answer)
        if ":" in kinds:
            return self.ratios(gold, answer) if len(kinds) == 1 else None
        if "=" in kinds:
            return self.assignments(gold, answer)
        ordered = not kinds & {"", "{}"} or gold.brackets in ("()", "<>") or "order" in self.strictness
        if kinds == {"", "<>"} and gold.brackets == "<>":
            ordered = True
        if kinds == {"{}"} or (not ordered and kinds <= {"", "{}", "()", "<>"}):
            return self._sets(gold.items, answer.items)
        if len(kinds) == 1 or kinds <= {"", "{}", "()", "<>"} or (len(gold.items) > 2 and kinds <= {"", "()", "[]"}):
            if len(gold.items) != len(answer.items):
                return False
            equal = self.each(gold.items, answer.items)
            return None if equal is False and "{}" in kinds and "order" not in self.strictness else equal
        return False if len(gold.items) == len(answer.items) == 2 else None

    def each(self, golds: Sequence[Value], answers: Sequence[Value]) -> bool | None:
        """Of values in order: all equal, one surely not, or neither."""
        return every([self.same(g, a) for g, a in zip(golds, answers, strict=True)])

    def _sets(self, golds: Sequence[Value], answers: Sequence[Value]) -> bool | None:
        """Values without order; a set may hold one twice."""
        if len(golds) * len(answers) > _FEW**2:
            one, other = _by_size(golds), _by_size(answers)
            return self.each(one, other) if one and other and len(one) == len(other) else None
        if len(golds) == len(answers) and self.each(golds, answers):
            return True
        table = [[self.same(gold, answer) for answer in answers] for gold in golds]
        lines = [*table, *([row[place] for row in table] for place in range(len(answers)))]
        if any(all(found is False for found in line) for line in lines):
            return False
        if not all(True in line for line in lines):
            return None
        return len(golds) != len(answers) or _pairs_up(table)

    def ratios(self, gold: Listed, answer: Listed) -> bool | None:
        """Each part as many times its like as the first; a time of day such as 9:24 is itself alone."""
        g, a = ([item.tree for item in listed.items if isinstance(item, Scalar)] for listed in (gold, answer))
        if len(g) != len(a):
            return False
        if is_time(g) or "form" in self.strictness:
            return self.each(gold.items, answer.items)
        if [tree == 0 for tree in g] != [tree == 0 for tree in a]:
            return False
        return every([self.numbers.trees(times([x, a[0]]), times([y, g[0]])) for x, y in zip(g, a, strict=True)])

    def assignments(self, gold: Listed, answer: Listed) -> bool | None:
        if gold.brackets == answer.brackets:
            named = [
                {item.letters: item.right for item in listed.items if isinstance(item, Equation)}
                for listed in (gold, answer)
            ]
            if named[0].keys() != named[1].keys():
                return False
            return self.each(list(named[0].values()), [named[1][name] for name in named[0]])
        if "names" in self.strictness:
            return False
        golds, answers = (
            [i.right if isinstance(i, Equation) else i for i in listed.items] for listed in (gold, answer)
        )
        if gold.brackets in ("", "{}") and "order" not in self.strictness:
            return self._sets(golds, answers)
        return self.each(golds, answers) if len(golds) == len(answers) else False

    def matrices(self, gold: Matrix, answer: Matrix) -> bool | None:
        if [len(row) for row in gold.rows] != [len(row) for row in answer.rows]:
            return False
        return self.each([c for row in gold.rows for c in row], [c for row in answer.rows for c in row])

    def vectors(self, matrix: Matrix, listed: Listed, matrix_is_gold: bool) -> bool | None:
        """A single row, or column, and a tuple."""
        items = matrix.rows[0] if len(matrix.rows) == 1 else tuple(row[0] for row in matrix.rows)
        if (
            "form" in self.strictness
            or sum(map(len, matrix.rows)) != len(items)
            or listed.brackets not in ("()", "[]", "")
        ):
            return False
        if len(items) != len(listed.items):
            return False
        return self.each(items, listed.items) if matrix_is_gold else self.each(listed.items, items)


def _by_size(items: Sequence[Value]) -> list[Value] | None:
    """Numbers by size, where all are surely different from one another."""
    try:
        sized = sorted((size(item.tree), place) for place, item in enumerate(items) if isinstance(item, Scalar))
    except Unread:
        return None
    apart = all(b - a > APART * (1 + abs(a)) for (a, _), (b, _) in pairwise(sized))
    return [items[place] for _, place in sized] if apart and len(sized) == len(items) else None


def _pairs_up(table: Sequence[Sequence[bool | None]]) -> bool:
    """Whether every gold has an answer of its own, first come, first served: equals are equal to all alike."""
    taken = set[int]()
    for row in table:
        place = next((place for place, found in enumerate(row) if found and place not in taken), None)
        if place is None:
            return False
        taken.add(place)
    return True


def is_time(parts: Sequence[Tree]) -> bool:
    """Whether two whole numbers are rather a time of day: of a ratio they would be smaller."""
    if len(parts) != 2 or not all(isinstance(part, Fraction) and part.denominator == 1 for part in parts):
        return False
    hours, minutes = (int(part) for part in parts if isinstance(part, Fraction))
    return 0 <= hours < 24 and 10 <= minutes < 60 and gcd(hours, minutes) > 1


def _same_time(gold: Listed, answer: Listed) -> bool:
    """Hours and minutes, and morning or afternoon where both say it; `1:2` is no time."""
    plain = [listed.items for listed in (gold, answer) if listed.brackets == ":"]
    if any(len(items) != 2 or not isinstance(items[1], Scalar) or not _is_minutes(items[1].tree) for items in plain):
        return False
    return all(g == a for g, a in zip(gold.items, answer.items, strict=False))


def _is_minutes(tree: Tree) -> bool:
    return isinstance(tree, Fraction) and tree >= 10
