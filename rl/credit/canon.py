"""CANON: a group's shorter half against its longer one (arXiv 2509.23962)."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array
from rl.credit.within.groups import count, doubles, flat, mean, ranks


class Canon:
    """The shorter half's rewards are compared with the mean of the longer half, and the other way round.

    By length, the first ⌊n/2⌋ of the n judged rollouts are the shorter half.

    - shorter: A = μ · (R - α · mean_long) + (1 - μ) · (R - mean_short);
    - longer: A = μ · (α · R - mean_short) + (1 - μ) · (R - mean_long).

    α below 1 favours the shorter half. At μ = 1/2 and α = 1 an even n gives R minus the group's mean. One alone has
    nothing to be compared with, and gets 0. The paper sums over tokens and divides by a constant: `loss_type: dr_grpo`.
    """

    name = "canon"
    source = "arXiv 2509.23962"
    by_length = True

    def __init__(self, mu: float = 1.0, alpha: float = 1.0) -> None:
        for option, value in {"mu": mu, "alpha": alpha}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"canon: {option} must lie in [0, 1], not {value}")
        self.mu, self.alpha = mu, alpha

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        rows, tokens = doubles(rewards, group_size), doubles(lengths, group_size)
        judged = ~xp.isnan(rows)
        members = count(judged, rows)
        short = ranks(xp.where(judged, tokens, xp.inf)) < members // 2
        mean_short, mean_long = mean(rows, short), mean(rows, judged & ~short)
        mu, alpha = self.mu, self.alpha
        shorter = mu * (rows - alpha * mean_long) + (1 - mu) * (rows - mean_short)
        longer = mu * (alpha * rows - mean_short) + (1 - mu) * (rows - mean_long)
        return flat(xp.where(judged & (members > 1), xp.where(short, shorter, longer), 0.0), rewards)
