"""DDCA: length as an advantage of its own, among right answers (arXiv 2602.02099)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from rl.credit.within.groups import centre

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

    def __call__(self, rewards: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        rows = rewards.double().view(-1, group_size)
        judged, right = ~rows.isnan(), rows > 0
        own = centre(rows.flatten(), group_size).view(-1, group_size)
        tokens = lengths.to(rows).view(-1, group_size)
        s = torch.sigmoid((_minus_mean(tokens, right) / _deviation(tokens, right)).clamp(-20, 20))
        share = right.sum(dim=1, keepdim=True) / judged.sum(dim=1, keepdim=True).clamp(min=1)
        shorter = -share * _minus_mean(s, right)
        if self.form == "grpo":
            own = own / _deviation(rows, judged)
        else:
            own, shorter = _left_out(own, judged), _left_out(shorter, right)
        return torch.where(judged, own + self.beta * shorter, 0.0).flatten().to(rewards)


def _minus_mean(values: Tensor, members: Tensor) -> Tensor:
    """Values minus the mean of their row's members; 0 for all others."""
    own = torch.where(members, values, 0.0)
    mean = own.sum(dim=1, keepdim=True) / members.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(members, values - mean, 0.0)


def _deviation(values: Tensor, members: Tensor) -> Tensor:
    squares = _minus_mean(values, members).square().sum(dim=1, keepdim=True)
    return (squares / members.sum(dim=1, keepdim=True).clamp(min=1)).sqrt().clamp(min=FLOOR)


def _left_out(centred: Tensor, members: Tensor) -> Tensor:
    """What is left of values minus the mean of all, with the mean of the others instead; one alone has 0."""
    count = members.sum(dim=1, keepdim=True)
    return torch.where(count > 1, centred * count / (count - 1).clamp(min=1), 0.0)
