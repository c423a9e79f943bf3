"""DDCA: length as an advantage of its own, among right answers (arXiv 2602.02099)."""

from __future__ import annotations

from typing import Literal

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array, sigmoid
from rl.credit.within.groups import centre, count, doubles, flat, mean

FLOOR = 1e-8
"""The least that a deviation counts as."""


class Ddca:
    """A = (R - mean) / std + β · A_len, where A_len compares a right answer's length with those of the right ones.

    With s = σ(z), z the length among the group's n right rollouts (reward above 0), kept within ±20, and G the judged
    ones: A_len = -n/G · (s - mean s) where right, 0 where wrong, so that it sums to 0. Deviations are the population's.
    `form: rloo` takes every mean from the others alone and divides the reward by nothing.
    """

    name = "ddca"
    source = "arXiv 2602.02099"
    by_length = True

    def __init__(self, beta: float = 0.2, form: Literal["grpo", "rloo"] = "grpo") -> None:
        if not beta >= 0:
            raise ValueError(f"ddca: beta must be at least 0, not {beta}")
        if form not in ("grpo", "rloo"):
            raise ValueError(f"ddca: form must be 'grpo' or 'rloo', not {form!r}")
        self.beta, self.form = beta, form

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        rows, tokens = doubles(rewards, group_size), doubles(lengths, group_size)
        judged, right = ~xp.isnan(rows), rows > 0
        own = doubles(centre(xp.reshape(rows, (-1,)), group_size), group_size)
        s = sigmoid(xp.clip(_minus_mean(tokens, right) / _deviation(tokens, right), -20, 20))
        share = count(right, rewards) / xp.clip(count(judged, rewards), min=1)
        shorter = -share * _minus_mean(s, right)
        if self.form == "grpo":
            own = own / _deviation(rows, judged)
        else:
            own, shorter = _left_out(own, judged), _left_out(shorter, right)
        return flat(xp.where(judged, own + self.beta * shorter, 0.0), rewards)


def _minus_mean(values: Array, members: Array) -> Array:
    """Values minus the mean of their row's members; 0 for all others."""
    return array_namespace(values).where(members, values - mean(values, members), 0.0)


def _deviation(values: Array, members: Array) -> Array:
    xp = array_namespace(values)
    return xp.clip(xp.sqrt(mean(xp.square(_minus_mean(values, members)), members)), min=FLOOR)


def _left_out(centred: Array, members: Array) -> Array:
    """What is left of values minus the mean of all, with the mean of the others instead; one alone has 0."""
    xp = array_namespace(centred)
    of = count(members, centred)
    return xp.where(of > 1, centred * of / xp.clip(of - 1, min=1), 0.0)
