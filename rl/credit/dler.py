"""DLER as its paper has it: whitened over the batch (arXiv 2510.15110, Eq. 3)."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array
from rl.credit.within.groups import centre, judged_or_zero


class Dler:
    """DLER's batch-wise normalisation, one weight a rollout.

    A = R - mean(group), then A / (std(batch of A) + 1e-8) with the population deviation. The paper
    also subtracts the batch mean of A, which is 0 by construction: leaving it out keeps the zeros
    of groups without variance exact. The released code weights by tokens instead: `dler-tokens`.
    """

    name = "dler"
    source = "arXiv 2510.15110, Eq. 3"
    by_length = False

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        advantages = centre(rewards, group_size)
        judged = advantages[~xp.isnan(advantages)]
        if judged.shape[0] == 0:
            return xp.zeros_like(rewards)
        deviation = xp.sqrt(xp.mean(xp.square(judged)))
        return judged_or_zero(advantages / (deviation + 1e-8))
