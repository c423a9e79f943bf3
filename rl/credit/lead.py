"""GRPO-LEAD: hard problems weigh more (arXiv 2504.09696)."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array, sigmoid
from rl.credit.within.groups import count, judged_or_zero, standardise


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

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        rows = xp.reshape(rewards, (-1, group_size))
        solved = count(rows > 0, rows) / xp.clip(count(~xp.isnan(rows), rows), min=1)
        advantages = xp.reshape(judged_or_zero(standardise(rewards, group_size)), (-1, group_size))
        hardness = xp.where(advantages > 0, solved, 1 - solved)
        weights = self.a + (self.b - self.a) * sigmoid(-self.k * (hardness - self.rho))
        return xp.reshape(advantages * weights, (-1,))
