"""QLPO: draw twice as many rollouts, keep a mix of lengths that is shorter where right (arXiv 2607.21793)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import ceil

from rewards.edits import Change, Keep
from rewards.history import HistoryView
from rewards.shaped import at_least, is_correct
from rewards.types import Group


class Qlpo:
    """Of K = 2M rollouts keep M: right and wrong ones as they were drawn, the right ones short, the wrong ones long.

    Of the M, N₊ = round(M · right / K) are right, at least one of either kind that was drawn. Each kind is parted at
    its median length, the odd one going to the short half. ⌈N₊ / (1 + a)⌉ of the right ones are short and
    ⌈N₋ / (1 + a)⌉ of the wrong ones long, the rest from the other half; by chance within a half. A half that has too
    few is filled from the other one, and rollouts that nobody could judge are kept only where judged ones do not
    suffice.
    """

    name = "qlpo"
    source = "arXiv 2607.21793"

    def __init__(self, a: float = 1 / 3) -> None:
        at_least(self.name, 0, a=a)
        self.a = a

    def sampled(self, size: int) -> int:
        """Twice as many as train."""
        return 2 * size

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        """The `size` that are kept, in the order in which they were drawn."""
        chance = random.Random(seed)
        judged = [i for i, r in enumerate(group.rollouts) if r.raw_reward is not None]
        right = [i for i in judged if is_correct(group.rollouts[i])]
        wrong = [i for i in judged if not is_correct(group.rollouts[i])]
        rights = _share(min(size, len(judged)), len(right), len(wrong))
        wrongs = min(size, len(judged)) - rights
        kept = self._of_kind(group, right, rights, False, chance) + self._of_kind(group, wrong, wrongs, True, chance)
        spare = [i for i in range(len(group.rollouts)) if i not in judged]
        return [Keep(i) for i in sorted([*kept, *spare[: size - len(kept)]])]

    def _of_kind(
        self, group: Group, members: Sequence[int], count: int, long: bool, chance: random.Random
    ) -> list[int]:
        """`count` of these, most of them from the long half or from the short one."""
        ordered = sorted(members, key=lambda i: group.rollouts[i].length)
        middle = ceil(len(ordered) / 2)
        halves = [ordered[middle:], ordered[:middle]] if long else [ordered[:middle], ordered[middle:]]
        wanted = min(ceil(count / (1 + self.a)), len(halves[0]))
        other = min(count - wanted, len(halves[1]))
        return chance.sample(halves[0], count - other) + chance.sample(halves[1], other)


def _share(size: int, right: int, wrong: int) -> int:
    """How many of `size` are right ones."""
    wanted = round(size * right / (right + wrong)) if right + wrong else 0
    low, high = max(min(right, 1), size - wrong), min(right, size - min(wrong, 1))
    return max(low, min(wanted, high))
