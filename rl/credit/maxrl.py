"""MaxRL: centred, and divided by the mean reward (arXiv 2602.02710)."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array
from rl.credit.within.groups import centre, doubles, flat, judged_or_zero, mean


class MaxRl:
    """A = (R - mean(group)) / mean(group), 0 where the mean is 0: a rare right answer counts about 1 over its rarity.

    Errors: ValueError for a reward below 0, whose mean would mean nothing.
    """

    name = "maxrl"
    source = "arXiv 2602.02710"
    by_length = False

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        if xp.any(rewards < 0):
            raise ValueError("maxrl: a reward below 0; it divides by the mean, so take rewards of 0 or more")
        rows = doubles(rewards, group_size)
        average = mean(rows, ~xp.isnan(rows))
        own = doubles(centre(xp.reshape(rows, (-1,)), group_size), group_size)
        # Where no reward lies above 0 there is nothing to divide.
        return flat(judged_or_zero(own / xp.where(average > 0, average, 1.0)), rewards)
