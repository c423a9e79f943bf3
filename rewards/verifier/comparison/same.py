"""Whether two values are equal, whatever they are."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from rewards.verifier.comparison.lists import Lists, is_time
from rewards.verifier.comparison.numbers import Numbers
from rewards.verifier.comparison.policies import LENIENT, Depth
from rewards.verifier.comparison.regions import same_region
from rewards.verifier.grammar.names import NAMED
from rewards.verifier.grammar.trees import Tree, names_in, power, times
from rewards.verifier.grammar.values import (
    Equation,
    Listed,
    Matrix,
    Region,
    Relation,
    Scalar,
    Union,
    Value,
    Word,
    letters_in,
    with_letters,
)
from rewards.verifier.grammar.words import NUMBERS, VALUES, is_product


class Comparison:
    """Gold answer and answer by one depth and one strictness."""

    def __init__(self, depth: Depth, strictness: frozenset[str] = LENIENT) -> None:
        self.strictness = strictness
        self.numbers = Numbers(depth, strictness)
        self.lists = Lists(self._same, self.numbers, strictness)

    def same(self, gold: Value, answer: Value) -> bool | None:
        """Whether two values are equal; None where this depth cannot say."""
        if "names" not in self.strictness:
            answer = _folded(gold, answer)
        return self._same(gold, answer)

    def _same(self, gold: Value, answer: Value) -> bool | None:
        match gold, answer:
            case Scalar(), Scalar():
                return self.numbers.scalars(gold, answer)
            case Equation(), Equation():
                return self._equations(gold, answer)
            case (Equation(), _) | (_, Equation()):
                return self._one_equation(gold, answer)
            case Word(), Word():
                return _same_words(gold.text, answer.text)
            case Listed(), Listed():
                return self.lists.lists(gold, answer)
            case Matrix(), Matrix():
                return self.lists.matrices(gold, answer)
            case Relation(), Relation():
                return self.numbers.relations(gold, answer)
        return self._of_two_kinds(gold, answer)

    def _equations(self, gold: Equation, answer: Equation) -> bool | None:
        if gold.letters == answer.letters and len(gold.arguments) == len(answer.arguments):
            right = answer.right
            if gold.arguments != answer.arguments:
                taken = (letters_in(right) - {*answer.arguments}) & {*gold.arguments}
                if "names" in self.strictness or taken:
                    return False
                right = with_letters(right, dict(zip(answer.arguments, gold.arguments, strict=True)))
            equal = self._same(gold.right, right)
            own = set(gold.letters) & (letters_in(gold.right) | letters_in(right))
            if equal is not False or not own:
                return equal
        sides = _sides(gold), _sides(answer)
        if sides[0] is None or sides[1] is None:
            return None
        return self.numbers.multiple(sides[0], sides[1])

    def _one_equation(self, gold: Value, answer: Value) -> bool | None:
        equation, other = (gold, answer) if isinstance(gold, Equation) else (answer, gold)
        assert isinstance(equation, Equation)
        if isinstance(other, Relation):
            sides = _sides(equation)
            if other.sign != "=" or sides is None:
                return None
            return self.numbers.multiple(sides, (other.left, other.right))
        if "names" in self.strictness or (isinstance(other, Listed) and other.brackets == "="):
            return False
        if isinstance(other, Region) and other.letters not in ("", equation.letters):
            return False
        return self._same(equation.right, answer) if equation is gold else self._same(gold, equation.right)

    def _of_two_kinds(self, gold: Value, answer: Value) -> bool | None:
        """A word is no number, and neither is a list of several different things."""
        if isinstance(gold, Union | Region) or isinstance(answer, Union | Region):
            return same_region(gold, answer, self.numbers)
        for one, other in ((gold, answer), (answer, gold)):
            if isinstance(one, Matrix) and isinstance(other, Listed):
                return self.lists.vectors(one, other, one is gold)
            if isinstance(one, Word) and isinstance(other, Scalar):
                return _word_and_scalar(one, other)
            if isinstance(one, Matrix) and isinstance(other, Scalar | Word):
                return False
            if isinstance(one, Listed) and isinstance(other, Scalar | Word):
                return self._list_and_item(one, other, one is gold)
        if isinstance(gold, Scalar) and isinstance(answer, Relation):
            return self._last_side(gold, answer)
        return None

    def _list_and_item(self, listed: Listed, other: Value, list_is_gold: bool) -> bool | None:
        items = listed.items
        if listed.brackets == ":" and isinstance(other, Scalar) and len(items) == 2:
            over, under = (item.tree for item in items if isinstance(item, Scalar))
            if under == 0 or is_time([over, under]) or "form" in self.strictness:
                return False
            quotient = Scalar(times([over, power(under, Fraction(-1))]))
            return self._same(quotient, other) if list_is_gold else self._same(other, quotient)
        if len(items) == 1 and listed.brackets == "{}":
            return self._same(items[0], other) if list_is_gold else self._same(other, items[0])
        differ = listed.brackets in ("=", ":", "::") or any(self._same(a, b) is False for a, b in pairwise(items))
        return False if len(items) > 1 and differ else None

    def _last_side(self, gold: Scalar, answer: Relation) -> bool | None:
        """Of `a + b = 5`, where a number is asked for, the number."""
        named = [bool(names_in(side)) for side in (answer.left, answer.right)]
        if answer.sign != "=" or "names" in self.strictness:
            return False
        if names_in(gold.tree) or named[0] == named[1]:
            return None
        return self._same(gold, Scalar(answer.left if named[1] else answer.right))


def _folded(gold: Value, answer: Value) -> Value:
    """The answer with R for r where the gold answer writes R, and neither writes both."""
    if isinstance(gold, Word) or (
        isinstance(gold, Scalar) and isinstance(gold.tree, Fraction) and gold.spelled is None
    ):
        return answer
    golds, answers = letters_in(gold), letters_in(answer)
    if golds == answers:
        return answer
    names = {name: name.swapcase() for name in answers - golds if name.swapcase() in golds - answers}
    return with_letters(answer, names)


def _sides(equation: Equation) -> tuple[Tree, Tree] | None:
    """An equation as two expressions, where it is one of these."""
    if not isinstance(equation.right, Scalar):
        return None
    name = equation.letters
    product = len(name) > 1 and name.isalpha() and not equation.arguments and is_product(name)
    return times([("var", letter) for letter in name]) if product else ("var", name), equation.right.tree


def _word_and_scalar(word: Word, scalar: Scalar) -> bool | None:
    if len(word.text) == 1 and isinstance(scalar.tree, tuple) and scalar.tree[0] in ("var", "e", "i"):
        return word.text == str(scalar.tree[-1]).lower()
    if word.text in NUMBERS:
        return scalar.tree == NUMBERS[word.text]
    if word.text in NAMED:
        return scalar.tree == (NAMED[word.text],) or None
    return None if word.text in VALUES else False


def _same_words(gold: str, answer: str) -> bool | None:
    return True if gold == answer else None if {gold, answer} <= VALUES else False
