"""GRPO: standardised within the group (arXiv 2402.03300)."""

from __future__ import annotations

from torch import Tensor

from rl.credit.within.groups import standardise


class Grpo:
    """A = (R - mean(group)) / (std(group) + 1e-4): as TRL has it, with the sample deviation."""

    name = "group"
    source = "arXiv 2402.03300"
    by_length = False

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        return standardise(rewards, group_size).nan_to_num(0.0)
