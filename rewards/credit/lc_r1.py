"""LC-R1: the end of thinking is what earns a compressed thought (arXiv 2506.14755)."""

from __future__ import annotations

from collections.abc import Sequence

from rewards.first_right import first_right
from rewards.shaped import at_least, is_correct
from rewards.thinking import before_end
from rewards.types import Group, Rollout

EPSILON = 1e-4


class LcR1:
    """A right rollout's end of thinking gets A + weight · (1 - f / (L + 1e-4)): f of L tokens are left of its thinking.

    A right one in whose thinking no right answer was found gets A - weight there. Edit `lc-r1` comes before.
    """

    name = "lc-r1"
    source = "arXiv 2506.14755"

    def __init__(self, weight: float = 1.0) -> None:
        at_least(self.name, 0, weight=weight)
        self.weight = weight

    def credit(self, group: Group, advantages: Sequence[float]) -> list[Sequence[float] | None]:
        return [
            self._tokens(group, r, advantage)
            if is_correct(r) and r.thinking > 0 and before_end(r.text) is not None
            else None
            for r, advantage in zip(group.rollouts, advantages, strict=True)
        ]

    def _tokens(self, group: Group, rollout: Rollout, advantage: float) -> list[float]:
        values = [advantage] * rollout.length
        values[rollout.thinking - 1] += self.weight * self._compressed(group, rollout)
        return values

    def _compressed(self, group: Group, rollout: Rollout) -> float:
        thought = before_end(rollout.text) or ""
        if first_right(thought, group.problem.golds, str(group.problem.prompt)) is None:
            return -1.0
        left = rollout.thinking - 1
        return 1 - left / (left + rollout.cut + EPSILON)
