"""Attention over rows of several lengths, forward and backward, against the usual one, in bf16.

On CUDA it is torch's `varlen_attn`, without it what stands for that in `rl.updates.varlen`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention

from experiments.cluster.proofs.step import Figures, Place, require
from rl.updates.varlen import by_rows

LENGTHS = (37, 512, 129)
HEADS, KEY_HEADS, SIZE = 14, 2, 64
CLOSE = 2e-2
"""Of bf16, whose steps are 2^-8 of a number."""


def run(place: Place) -> Figures:
    torch.manual_seed(0)
    shapes = (HEADS, KEY_HEADS, KEY_HEADS)
    leaves = [
        torch.randn(sum(LENGTHS), heads, SIZE, device=place.device, dtype=torch.bfloat16, requires_grad=True)
        for heads in shapes
    ]
    one, other = _over_all(place, *leaves), _row_by_row(*leaves)
    upstream = torch.randn_like(other)
    ours = torch.autograd.grad(one, leaves, upstream.to(one.dtype))
    theirs = torch.autograd.grad(other, leaves, upstream)
    found: Figures = {"forward, apart": _apart(one, other)}
    found |= {f"gradient of {n}, apart": _apart(a, b) for n, a, b in zip("qkv", ours, theirs, strict=True)}
    for name, apart in found.items():
        require(float(apart) < CLOSE, f"{name}: {apart}")
    return found


def _over_all(place: Place, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(tokens, heads, size) of all rows end to end, by what is told where each ends."""
    attend = varlen_attn if place.cuda else by_rows
    ends = torch.tensor([0, *LENGTHS], device=query.device, dtype=torch.int32).cumsum(0, dtype=torch.int32)
    most = max(LENGTHS)
    out = attend(query, key, value, ends, ends, most, most, window_size=(-1, 0), enable_gqa=True)
    assert isinstance(out, Tensor)
    return out


def _row_by_row(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same in fp32, each row by itself."""
    rows = []
    for parts in zip(*(torch.split(x, list(LENGTHS)) for x in (query, key, value)), strict=True):
        q, k, v = (part.float().transpose(0, 1)[None] for part in parts)
        rows.append(scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)[0].transpose(0, 1))
    return torch.cat(rows)


def _apart(a: Tensor, b: Tensor) -> float:
    """Their distance over the length of one."""
    return float((a.float() - b.float()).norm() / b.float().norm())
