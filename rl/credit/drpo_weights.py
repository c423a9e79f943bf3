"""DRPO's weights of right answers by length, on GRPO's advantages (arXiv 2510.04474)."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array, softmax
from rl.credit.within.groups import count, doubles, flat, judged_or_zero, standardise


class DrpoWeights:
    """`group`, but the n right rollouts (reward above 0) share their advantage by length: A_i = n · w_i · A.

    w is the softmax over them of (1 - L / `max_length`) / Λ, option `lambda`: the larger, the more alike. Wrong ones
    keep their advantage, and equal right ones its sum. The paper has a loss of its own around these weights, which is
    not a clipped ratio; this is its weighting alone.
    """

    name = "drpo-weights"
    source = "arXiv 2510.04474"
    by_length = True

    def __init__(self, lambda_: float = 0.1, max_length: int = 8192) -> None:
        if not lambda_ > 0:
            raise ValueError(f"drpo-weights: lambda must lie above 0, not {lambda_}")
        if max_length < 1:
            raise ValueError(f"drpo-weights: max_length must be at least 1 token, not {max_length}")
        self.lambda_, self.max_length = lambda_, max_length

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        advantages = judged_or_zero(standardise(rewards, group_size))
        right = xp.reshape(rewards, (-1, group_size)) > 0
        logits = (1 - doubles(lengths, group_size) / self.max_length) / self.lambda_
        # Rows without a right one must not be all -inf.
        weights = softmax(xp.where(~right & xp.any(right, axis=1, keepdims=True), -xp.inf, logits))
        return advantages * flat(xp.where(right, weights * count(right, weights), 1.0), advantages)
