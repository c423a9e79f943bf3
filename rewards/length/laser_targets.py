"""How LASER-D finds a target length for each difficulty (arXiv 2505.15612, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from rewards.shaped import at_least
from rewards.types import Group

LEVELS = ("easy", "medium", "hard")
EASY, MEDIUM = 2 / 3, 1 / 3
"""The least accuracy of a group of that level."""


def level_of(accuracy: float) -> str:
    """The difficulty of a group: easy from 2/3 on, medium from 1/3 on, else hard."""
    return "easy" if accuracy >= EASY else "medium" if accuracy >= MEDIUM else "hard"


class TargetSearch:
    """The smallest target with an expected correct response within it, for each level.

    P(l) is the share of a level's rollouts no longer than l tokens. With at least |C| correct in
    each of its groups, the level's target is the smallest l of {minimum, minimum + step, …, maximum}
    with P(l) · |C| ≥ 1; where there is none, the level's longest rollout. For K = 8 rollouts a group
    |C| is 6, 3, 1 in the paper (2K/3 and K/3 rounded up); the released code rounds down, to 5, 2, 1.
    K is the smallest count of judged rollouts in a group. Errors name `method`.
    """

    def __init__(self, method: str, minimum: int, maximum: int, step: int, rounding: Literal["ceil", "floor"]) -> None:
        at_least(method, 1, minimum=minimum, step=step)
        if maximum < minimum:
            raise ValueError(f"{method}: maximum ({maximum}) must not lie below minimum ({minimum})")
        if rounding not in ("ceil", "floor"):
            raise ValueError(f"{method}: rounding must be 'ceil' or 'floor', not {rounding!r}")
        self.candidates = [*range(minimum, maximum, step), maximum]
        self.rounding = rounding

    def __call__(self, groups: Sequence[Group]) -> dict[str, float]:
        """The target of each level that some group has, in tokens."""
        targets = {}
        for level in LEVELS:
            members = [g for g in groups if (a := g.accuracy()) is not None and level_of(a) == level]
            if members:
                count = min(len(g.judged()) for g in members)
                lengths = [r.length for g in members for r in g.judged()]
                targets[level] = self._target(lengths, self._least_correct(level, count))
        return targets

    def _least_correct(self, level: str, count: int) -> int:
        share = {"easy": Fraction(2, 3), "medium": Fraction(1, 3), "hard": Fraction(0)}[level]
        return max(1, (ceil if self.rounding == "ceil" else floor)(share * count))

    def _target(self, lengths: Sequence[int], least_correct: int) -> float:
        for target in self.candidates:
            if sum(length <= target for length in lengths) * least_correct >= len(lengths):
                return float(target)
        return float(max(lengths))
