"""Scalars: the number or expression, and the unit, the percent sign, the base that stand with it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from rewards.verifier.comparison.policies import Depth
from rewards.verifier.grammar.trees import INFINITE, Tree, holds_infinity, minus, names_in, parts_of, times
from rewards.verifier.grammar.units import COMPOUND
from rewards.verifier.grammar.values import Relation, Scalar

APART = 1e-5
"""Decimals that lie further apart are not equal, however large."""
RELATIVE = Fraction(1, 10_000)
"""Nor are those that differ by more than this share."""
_HALF_TURN = Fraction(1, 180)
_ANGLE, _RADIAN = (("angle", 1),), (("radian", 1),)
_HEAT = ((("temperature", 1),), (("fahrenheit", 1),))


class Numbers:
    """Scalars and relations by one depth and one strictness; None for what that depth cannot say."""

    def __init__(self, depth: Depth, strictness: frozenset[str]) -> None:
        self.depth, self.strictness = depth, strictness

    def scalars(self, gold: Scalar, answer: Scalar) -> bool | None:
        """Whether two scalars are equal."""
        if gold.base is not None and answer.base is not None:
            return gold.tree == answer.tree and gold.base == answer.base
        gold, answer = _spelled(gold, answer)
        if gold.percent != answer.percent:
            return self._percentages(gold, answer)
        scaled = self._in_one_unit(gold, answer)
        return scaled if isinstance(scaled, bool) else self._any(scaled, gold.decimal or answer.decimal)

    def _any(self, pairs: Sequence[tuple[Tree, Tree]], decimal: bool) -> bool | None:
        """Whether one of several readings is equal."""
        found = [self.trees(g, a, decimal) for g, a in pairs]
        return True if True in found else None if None in found else False

    def _in_one_unit(self, gold: Scalar, answer: Scalar) -> bool | list[tuple[Tree, Tree]]:
        """The two values in one unit, in each way that may be meant; False where their units do not go together."""
        g, a = gold.unit, answer.unit
        if g == a:
            return [(gold.tree, answer.tree)]
        if "units" in self.strictness and (g is None or a is None or g.measures is None):
            return False
        if (g is None or a is None) and COMPOUND in {unit.name for unit in (g, a) if unit}:
            return False
        angles = [unit.measures == _ANGLE if unit else None for unit in (g, a)]
        if True in angles and (g is None or a is None or {g.measures, a.measures} == {_ANGLE, _RADIAN}):
            degrees, other = (gold, answer) if angles[0] else (answer, gold)
            if not _is_angle(other.tree):
                return [(gold.tree, answer.tree)]
            radians = times([degrees.tree, ("pi",), _HALF_TURN])
            return [(gold.tree, answer.tree), (radians, other.tree)]
        if g is None or a is None or g.measures is None or a.measures is None or _either_degree(g.measures, a.measures):
            return [(gold.tree, answer.tree)]
        if g.measures != a.measures:
            return False
        return [(times([gold.tree, g.size]), times([answer.tree, a.size]))]

    def trees(self, gold: Tree, answer: Tree, decimal: bool = False) -> bool | None:
        """Whether two expressions are equal; `decimal`: one of them is one, and may be rounded."""
        if gold == answer:
            return True
        decimal = decimal and "rounding" not in self.strictness
        if isinstance(gold, Fraction) and isinstance(answer, Fraction):
            gap = abs(gold - answer)
            if not decimal or gap > APART or gap > RELATIVE * max(abs(gold), abs(answer)):
                return False
        elif gold in INFINITE or answer in INFINITE:
            # The other one is not the same infinity; whether it is one at all is not said here.
            unsure = holds_infinity(gold) and holds_infinity(answer) and not (gold in INFINITE and answer in INFINITE)
            return None if unsure else False
        return self.depth.near(gold, answer) if decimal else self.depth.equal(gold, answer)

    def _percentages(self, gold: Scalar, answer: Scalar) -> bool | None:
        """One of the two has a percent sign. Of whole numbers it says nothing: 9 % is 9."""
        if not (isinstance(gold.tree, Fraction) and isinstance(answer.tree, Fraction)):
            return None
        percent, plain = (gold.tree, answer.tree) if gold.percent else (answer.tree, gold.tree)
        if percent == 100 * plain:
            return True
        if "percent" in self.strictness:
            return False
        if percent.denominator == plain.denominator == 1:
            return percent == plain
        decimal = gold.decimal or answer.decimal
        return self._any([(percent / 100, plain), (percent, plain)] if decimal else [(percent, plain)], decimal)

    def relations(self, gold: Relation, answer: Relation) -> bool | None:
        """Whether two equations, or two inequalities, say the same."""
        if gold.sign != answer.sign:
            return False
        return self.multiple((gold.left, gold.right), (answer.left, answer.right), gold.sign in ("<", "<="))

    def multiple(self, gold: tuple[Tree, Tree], answer: tuple[Tree, Tree], directed: bool = False) -> bool | None:
        """Whether two pairs of sides say the same: one's difference is a number times the other's."""
        g, a = minus(*gold), minus(*answer)
        if g == a or (not directed and g == times([Fraction(-1), a])):
            return True
        return self.depth.multiple(g, a, directed)


def _either_degree(gold: object, answer: object) -> bool:
    """Whether one says degrees and the other of which scale."""
    return (gold == _ANGLE and answer in _HEAT) or (answer == _ANGLE and gold in _HEAT)


def _is_angle(tree: Tree) -> bool:
    """Whether it may be in radians: it holds pi, or an arc."""
    arc = isinstance(tree, tuple) and str(tree[1:2]).startswith("('arc")
    return arc or tree == ("pi",) or any(map(_is_angle, parts_of(tree)))


def _spelled(gold: Scalar, answer: Scalar) -> tuple[Scalar, Scalar]:
    """What is a unit or letters, as the other side has it: `10 cm` is a length for 10, and letters for 10cm + c."""
    if gold.spelled is None and answer.spelled is None:
        return gold, answer
    if gold.spelled is not None and answer.unit is None:
        assert gold.unit is not None
        if names_in(answer.tree) or len(gold.unit.name) == 1:
            gold = Scalar(gold.spelled, gold.decimal)
    if answer.spelled is not None and gold.unit is None and names_in(gold.tree):
        answer = Scalar(answer.spelled, answer.decimal)
    return gold, answer
