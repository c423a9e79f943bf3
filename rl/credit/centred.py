"""Dr. GRPO: centred within the group, divided by nothing (arXiv 2503.20783)."""

from __future__ import annotations

from rl.credit.within.arrays import Array
from rl.credit.within.groups import centre, judged_or_zero


class Centred:
    """A = R - mean(group)."""

    name = "centred"
    source = "arXiv 2503.20783"
    by_length = False

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        return judged_or_zero(centre(rewards, group_size))
