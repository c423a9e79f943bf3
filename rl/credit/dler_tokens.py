"""DLER as its released code has it: whitened over the batch's tokens (arXiv 2510.15110)."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array
from rl.credit.within.groups import centre, judged_or_zero


class DlerTokens:
    """DLER as released: mean and variance weighted by completion tokens, the mean subtracted again.

    The subtracted mean is not 0 where long and short rollouts differ in advantage, so even a group
    without variance gets a small advantage. A = (A - mean) / sqrt(var + 1e-8).
    """

    name = "dler-tokens"
    source = "arXiv 2510.15110, released code"
    by_length = True

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        advantages = centre(rewards, group_size)
        judged = ~xp.isnan(advantages)
        weights = xp.where(judged, xp.astype(lengths, advantages.dtype), 0.0)
        values = judged_or_zero(advantages)
        total = xp.sum(weights)
        if total == 0:
            return xp.zeros_like(rewards)
        mean = xp.sum(weights * values) / total
        variance = xp.sum(weights * xp.square(values - mean)) / total
        return xp.where(judged, (values - mean) / xp.sqrt(variance + 1e-8), 0.0)
