"""A number within a tolerance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from rewards.types import Verdict
from rewards.verifier.base import InProcess
from rewards.verifier.latex import Equation, Scalar, read
from rewards.verifier.reading import Place, Reading

_SCIENTIFIC = re.compile(
    r"([+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?)\s*(?:[eE]|(?:\\times|\\cdot|×|\*)\s*10\^)\{?([+-]?[0-9]{1,3})\}?"
)


class NumericTolerance(InProcess):
    """Whether the answer is a number within `relative` (a share of the gold answer) or `absolute` of the gold.

    Exact arithmetic on integers, decimals, fractions, `3.2e5` and `3.2 \\times 10^5`; units, a percent sign
    and `x =` are passed over. An answer that is no such number is `unparsable`.
    """

    name = "numeric"

    def __init__(
        self,
        places: Sequence[Place] = ("box",),
        thinking: Literal["if-begun", "required", "ignored"] = "if-begun",
        strict: bool = True,
        relative: float = 1e-2,
        absolute: float = 0.0,
    ) -> None:
        super().__init__(Reading(places, thinking, strict))
        if not (relative >= 0 and absolute >= 0):
            raise ValueError("relative and absolute tolerance must not be negative")
        self.relative, self.absolute = Fraction(relative), Fraction(absolute)

    def compare(self, gold: str, answer: str) -> Verdict:
        g, a = number(gold), number(answer)
        if g is None:
            return Verdict.CRASHED
        if a is None:
            return Verdict.UNPARSABLE
        return Verdict.CORRECT if abs(g - a) <= max(self.relative * abs(g), self.absolute) else Verdict.WRONG


def number(text: str) -> Fraction | None:
    """The number that a text is, exactly; None where it is none."""
    scientific = _SCIENTIFIC.fullmatch(text.strip().strip("$"))
    if scientific:
        return Fraction(scientific[1]) * Fraction(10) ** int(scientific[2])
    value = read(text.strip())
    if isinstance(value, Equation):
        value = value.right
    if isinstance(value, Scalar) and isinstance(value.tree, Fraction) and value.base is None:
        return value.tree
    return None
