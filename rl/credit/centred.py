"""Dr. GRPO: centred within the group, divided by nothing (arXiv 2503.20783)."""

from __future__ import annotations

from torch import Tensor

from rl.credit.within.groups import centre


class Centred:
    """A = R - mean(group)."""

    name = "centred"
    source = "arXiv 2503.20783"
    by_length = False

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        return centre(rewards, group_size).nan_to_num(0.0)
