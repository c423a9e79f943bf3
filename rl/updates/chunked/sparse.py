"""Gradients through some of a sequence's chunks only, each drawn with the same chance, and still right in the mean.

After SpaCO (arXiv 2505.16710). A gradient comes to a chunk from the loss or, by its keys and values, from a later
chunk; and once it has left a chunk for an earlier one it never returns. So each chunk that it passes is entered once,
and where entering divides by the chance of having been drawn, what a path carries is multiplied by drawn / chance once
for each chunk that it passes. The draws are independent, so that is 1 in the mean, for every path and for their sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Kept:
    """Of each chunk of one pass, the same in all layers, whether gradients go through it; each with chance `share`."""

    chunks: tuple[bool, ...]
    share: float

    def enter(self, hidden: Tensor, chunk: int) -> Tensor:
        """`hidden` (B, L, hidden), as the loss sees it."""
        each = torch.tensor(self.chunks, device=hidden.device) / self.share
        tokens = each.repeat_interleave(chunk)[: hidden.size(1), None]
        return _Thinned.apply(hidden, tokens.to(hidden.dtype))  # type: ignore[no-any-return,no-untyped-call]


def drawn(count: int, share: float) -> Kept:
    """Of so many chunks, by torch's random state, which checkpoints hold."""
    return Kept(tuple((torch.rand(count) < share).tolist()), share)


class _Thinned(Function):
    """What it is given; its gradient is multiplied by `factors`."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, factors: Tensor) -> Tensor:
        ctx.save_for_backward(factors)
        return hidden.view_as(hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (factors,) = ctx.saved_tensors
        return gradient * factors, None
