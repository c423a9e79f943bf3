"""Statistics within groups that leave out what nobody judged."""

from __future__ import annotations

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array


def standardise(rewards: Array, group_size: int) -> Array:
    """(B,) rewards to (R - mean) / (sample deviation + 1e-4) within each group; NaN stays NaN."""
    xp = array_namespace(rewards)
    rows = xp.reshape(centre(rewards, group_size), (-1, group_size))
    judged = ~xp.isnan(rows)
    variance = sums(xp.square(rows), judged) / xp.clip(count(judged, rows) - 1, min=1)
    return xp.reshape(rows / (xp.sqrt(variance) + 1e-4), (-1,))


def centre(rewards: Array, group_size: int) -> Array:
    """(B,) rewards minus the mean of their group's judged ones; exactly 0 in groups of equals."""
    xp = array_namespace(rewards)
    rows = doubles(rewards, group_size)
    judged = ~xp.isnan(rows)
    low = xp.min(xp.where(judged, rows, xp.inf), axis=1, keepdims=True)
    high = xp.max(xp.where(judged, rows, -xp.inf), axis=1, keepdims=True)
    centred = xp.where((low == high) & judged, 0.0, rows - mean(rows, judged))
    return flat(centred, rewards)


def doubles(values: Array, group_size: int) -> Array:
    """(B,) values as (groups, G) doubles."""
    xp = array_namespace(values)
    return xp.reshape(xp.astype(values, xp.float64, copy=False), (-1, group_size))


def flat(rows: Array, like: Array) -> Array:
    """(groups, G) values as (B,) of the type of `like`."""
    xp = array_namespace(rows)
    return xp.astype(xp.reshape(rows, (-1,)), like.dtype, copy=False)


def judged_or_zero(values: Array) -> Array:
    """0 instead of NaN."""
    xp = array_namespace(values)
    return xp.where(xp.isnan(values), 0.0, values)


def mean(rows: Array, members: Array) -> Array:
    """(groups, 1) means of (groups, G) values over each row's members; 0 where it has none."""
    xp = array_namespace(rows)
    return sums(rows, members) / xp.clip(count(members, rows), min=1)


def sums(rows: Array, members: Array) -> Array:
    """(groups, 1)."""
    xp = array_namespace(rows)
    return xp.sum(xp.where(members, rows, 0.0), axis=1, keepdims=True)


def count(members: Array, like: Array) -> Array:
    """(groups, 1): how many members each row has, in the type of `like`."""
    xp = array_namespace(members)
    return xp.sum(xp.astype(members, like.dtype), axis=1, keepdims=True)


def ranks(rows: Array) -> Array:
    """(groups, G): the place of each value in its row's order, from 0; equal ones as they stand."""
    xp = array_namespace(rows)
    return xp.argsort(xp.argsort(rows, axis=1), axis=1)
