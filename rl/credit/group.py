"""GRPO: standardised within the group (arXiv 2402.03300)."""

from __future__ import annotations

from rl.credit.within.arrays import Array
from rl.credit.within.groups import judged_or_zero, standardise


class Grpo:
    """A = (R - mean(group)) / (std(group) + 1e-4): as TRL has it, with the sample deviation."""

    name = "group"
    source = "arXiv 2402.03300"
    by_length = False

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        return judged_or_zero(standardise(rewards, group_size))
