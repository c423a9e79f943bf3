"""QGLAS: the shorter among the better rollouts get more, by how much quality is at stake."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array
from rl.credit.within.groups import centre, count, doubles, flat, judged_or_zero, mean, sums


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

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        rows, tokens = doubles(rewards, group_size), doubles(lengths, group_size)
        own = doubles(centre(xp.reshape(rows, (-1,)), group_size), group_size)
        result = judged_or_zero(own + self._weight(rows, own > 0) * self._shorter(own > 0, tokens))
        if self.normalise:
            judged = ~xp.isnan(rows)
            deviation = xp.sqrt(sums(xp.square(own), judged) / xp.clip(count(judged, rows) - 1, min=1))
            result = result / (deviation + 1e-4)
        return flat(result, rewards)

    def _shorter(self, better: Array, tokens: Array) -> Array:
        """h, in [0, 1]."""
        xp = array_namespace(tokens)
        average = mean(tokens, better)
        share = xp.clip((average - tokens) / xp.clip(average, min=1.0), 0.0, self.cap) / self.cap
        return xp.where(better, share, 0.0)

    def _weight(self, rows: Array, better: Array) -> Array:
        """λ, one a group; 0 where nobody was judged."""
        if not len(rows):
            return rows[:, :1]
        xp = array_namespace(rows)
        judged = ~xp.isnan(rows)
        rows = xp.where(xp.any(judged, axis=1, keepdims=True), rows, 0.0)
        quartile = xp.nanquantile(rows, 0.25, axis=1, keepdims=True)
        high = xp.max(xp.where(xp.isnan(rows), -xp.inf, rows), axis=1, keepdims=True)
        least = xp.min(xp.where(better, rows, xp.inf), axis=1, keepdims=True)
        every, among = high - quartile, xp.clip(high - least, min=0.0)
        share = xp.clip(xp.where(every > 0, among / xp.clip(every, min=1e-12), 0.0), 0.0, 1.0)
        return every * (self.low + (self.high - self.low) * (1 - share))
