"""Attention over rows of several lengths, forward and backward, against the usual one, in bf16.

On CUDA it is torch's `varlen_attn`, without it what stands for that in `rl.updates.varlen`. Once each row sees itself
alone, and once those after the first also see the beginning of the first: a shared prompt.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

from experiments.cluster.proofs.step import Figures, Place, require
from rl.updates.varlen import by_rows

LENGTHS = (212, 512, 129)
PROMPT = 150
HEADS, KEY_HEADS, SIZE = 14, 2, 64
CLOSE = 2e-2
"""Of bf16, whose steps are 2^-8 of a number."""


def run(place: Place) -> Figures:
    found: Figures = {}
    for shared in (0, PROMPT):
        found |= _compared(place, shared)
    for name, apart in found.items():
        require(float(apart) < CLOSE, f"{name}: {apart}")
    return found


def _compared(place: Place, shared: int) -> Figures:
    torch.manual_seed(0)
    shapes = (HEADS, KEY_HEADS, KEY_HEADS)
    leaves = [
        torch.randn(sum(LENGTHS), heads, SIZE, device=place.device, dtype=torch.bfloat16, requires_grad=True)
        for heads in shapes
    ]
    own = torch.split(torch.arange(sum(LENGTHS), device=place.device), list(LENGTHS))
    keys = [own[0], *(torch.cat([own[0][:shared], each]) for each in own[1:])]
    rows = (_ends(own), _ends(keys), max(map(len, own)), max(map(len, keys)))
    places = torch.cat(keys)

    def attend(run: object, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        assert callable(run)
        out = run(query, key[places], value[places], *rows, window_size=(-1, 0), enable_gqa=True)
        assert isinstance(out, Tensor)
        return out

    one, other = (
        attend(varlen_attn if place.cuda else by_rows, *leaves),
        attend(by_rows, *(leaf.float() for leaf in leaves)),
    )
    upstream = torch.randn_like(other)
    ours = torch.autograd.grad(one, leaves, upstream.to(one.dtype))
    theirs = torch.autograd.grad(other, leaves, upstream)
    said = f", {shared} tokens shared" if shared else ""
    found: Figures = {f"forward{said}, apart": _apart(one, other)}
    found |= {f"gradient of {name}{said}, apart": _apart(a, b) for name, a, b in zip("qkv", ours, theirs, strict=True)}
    return found


def _ends(rows: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    lengths = torch.tensor([0, *map(len, rows)], device=rows[0].device, dtype=torch.int32)
    return lengths.cumsum(0, dtype=torch.int32)


def _apart(a: Tensor, b: Tensor) -> float:
    """Their distance over the length of one."""
    return float((a.detach().float() - b.detach().float()).norm() / b.detach().float().norm())
