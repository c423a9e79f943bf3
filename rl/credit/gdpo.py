"""GDPO: each reward normalised by itself (arXiv 2601.05242)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rl.credit.within.groups import standardise


class Gdpo:
    """Each of the K rewards normalised by itself, then summed and whitened.

    (B, K) rewards. A = Σ_k w_k · group(R_k), then A / (std(batch of A) + 1e-4), sample deviations,
    as TRL's `normalize_then_sum`; the batch mean is 0 by construction. A constant reward adds nothing.
    """

    name = "gdpo"
    source = "arXiv 2601.05242"
    by_length = False

    def __call__(
        self, rewards: Tensor, group_size: int, lengths: Tensor, weights: Sequence[float] | None = None
    ) -> Tensor:
        columns = rewards.T if rewards.dim() == 2 else rewards.unsqueeze(0)
        factors = [1.0] * len(columns) if weights is None else list(weights)
        if len(factors) != len(columns):
            raise ValueError(f"gdpo: {len(factors)} weights do not fit {len(columns)} rewards")
        terms = torch.stack([w * standardise(c, group_size) for w, c in zip(factors, columns, strict=True)])
        judged = ~terms.isnan().all(dim=0)
        total = terms.nansum(dim=0)
        count = int(judged.sum())
        deviation = (total[judged].square().sum() / max(count - 1, 1)).sqrt()
        return torch.where(judged, total / (deviation + 1e-4), 0.0)
