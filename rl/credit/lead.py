"""GRPO-LEAD: hard problems weigh more (arXiv 2504.09696)."""

from __future__ import annotations

import torch
from torch import Tensor

from rl.credit.within.groups import standardise


class Lead:
    """`group`, reweighted by how hard the problem proves.

    With ρ the share of the group's judged rollouts that are solved, which is those of positive
    reward (the method's wrong answers earn -1), and w(ρ) = a + (b - a) / (1 + exp(k · (ρ - rho))):
    a positive advantage is multiplied by w(ρ), any other by w(1 - ρ).
    """

    name = "lead"
    source = "arXiv 2504.09696"
    by_length = False

    def __init__(self, a: float = 0.4, b: float = 1.5, rho: float = 0.75, k: float = 10.0) -> None:
        for option, value in {"a": a, "b": b, "rho": rho, "k": k}.items():
            if not isinstance(value, int | float):
                raise ValueError(f"lead: {option} must be a number, not {value!r}")
        self.a, self.b, self.rho, self.k = a, b, rho, k

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        rows = rewards.view(-1, group_size)
        judged = (~rows.isnan()).sum(dim=1, keepdim=True)
        solved = (rows > 0).sum(dim=1, keepdim=True).to(rows) / judged.clamp(min=1)
        advantages = standardise(rewards, group_size).nan_to_num(0.0).view(-1, group_size)
        hardness = torch.where(advantages > 0, solved, 1 - solved)
        weights = self.a + (self.b - self.a) * torch.sigmoid(-self.k * (hardness - self.rho))
        return (advantages * weights).flatten()
