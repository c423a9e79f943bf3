"""GDPO: each reward normalised by itself (arXiv 2601.05242)."""

from __future__ import annotations

from collections.abc import Sequence

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array
from rl.credit.within.groups import judged_or_zero, standardise


class Gdpo:
    """Each of the K rewards normalised by itself, then summed and whitened.

    (B, K) rewards. A = Σ_k w_k · group(R_k), then A / (std(batch of A) + 1e-4), sample deviations,
    as TRL's `normalize_then_sum`; the batch mean is 0 by construction. A constant reward adds nothing.
    """

    name = "gdpo"
    source = "arXiv 2601.05242"
    by_length = False

    def __call__(
        self, rewards: Array, group_size: int, lengths: Array, weights: Sequence[float] | None = None
    ) -> Array:
        xp = array_namespace(rewards)
        columns = rewards.T if rewards.ndim == 2 else rewards[None, :]
        factors = [1.0] * len(columns) if weights is None else list(weights)
        if len(factors) != len(columns):
            raise ValueError(f"gdpo: {len(factors)} weights do not fit {len(columns)} rewards")
        terms = xp.stack([w * standardise(c, group_size) for w, c in zip(factors, columns, strict=True)])
        judged = ~xp.all(xp.isnan(terms), axis=0)
        total = xp.sum(judged_or_zero(terms), axis=0)
        known = total[judged]
        deviation = xp.sqrt(xp.sum(xp.square(known)) / max(known.shape[0] - 1, 1))
        return xp.where(judged, total / (deviation + 1e-4), 0.0)
