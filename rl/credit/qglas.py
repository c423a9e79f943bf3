"""QGLAS: the shorter among the better rollouts get more, by how much quality is at stake."""

from __future__ import annotations

import torch
from torch import Tensor

from rl.credit.within.groups import centre


class Qglas:
    """A + λ · h, h a bonus in [0, 1] for being shorter than the mean of the group's rollouts of A above 0.

    With P those rollouts and L_ref their mean length: h = min(cap, (L_ref - L) / L_ref) / cap in P where L is below
    L_ref, else 0. λ = s_all · (low + (high - low) · (1 - s₊ / s_all)), s_all the way from the lower quartile of the
    group's rewards (linear) to their maximum, s₊ the range of those in P. So no sign changes, and with rewards of two
    values λ = high · s_all. `normalise` divides A and λ by the group's sample deviation (+ 1e-4), as GRPO does.
    """

    name = "qglas"
    source = "QGLAS"
    by_length = True

    def __init__(self, low: float = 0.3, high: float = 0.6, cap: float = 0.5, normalise: bool = True) -> None:
        if not 0 <= low <= high:
            raise ValueError(f"qglas: low and high must be 0 or more and rise, not {low} and {high}")
        if not 0 < cap <= 1:
            raise ValueError(f"qglas: cap must lie in (0, 1], not {cap}")
        self.low, self.high, self.cap, self.normalise = low, high, cap, normalise

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        rows = rewards.double().view(-1, group_size)
        own = centre(rows.flatten(), group_size).view(-1, group_size)
        result = (
            own + self._weight(rows, own > 0) * self._shorter(own > 0, lengths.to(rows).view_as(rows))
        ).nan_to_num(0.0)
        if self.normalise:
            spare = (~rows.isnan()).sum(dim=1, keepdim=True) - 1
            deviation = (own.nan_to_num(0.0).square().sum(dim=1, keepdim=True) / spare.clamp(min=1)).sqrt()
            result = result / (deviation + 1e-4)
        return result.flatten().to(rewards)

    def _shorter(self, better: Tensor, tokens: Tensor) -> Tensor:
        """h, in [0, 1]."""
        count = better.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.where(better, tokens, 0.0).sum(dim=1, keepdim=True) / count
        share = ((mean - tokens) / mean.clamp(min=1.0)).clamp(0.0, self.cap) / self.cap
        return torch.where(better, share, 0.0)

    def _weight(self, rows: Tensor, better: Tensor) -> Tensor:
        """λ, one a group; 0 where nobody was judged."""
        if not rows.numel():
            return rows[:, :1]
        quartile = torch.nanquantile(rows, 0.25, dim=1, keepdim=True)
        high = rows.nan_to_num(-torch.inf).amax(dim=1, keepdim=True)
        least = torch.where(better, rows, torch.inf).amin(dim=1, keepdim=True)
        every, among = (high - quartile).nan_to_num(0.0, 0.0, 0.0), (high - least).clamp(min=0.0)
        share = torch.where(every > 0, among / every.clamp(min=1e-12), 0.0).clamp(0.0, 1.0)
        return every * (self.low + (self.high - self.low) * (1 - share))
