"""A Llama that can copy before it has learned anything.

A model of this size takes thousands of steps to discover that what followed a word once is likely to follow it again
(induction heads: Olsson et al., arXiv 2209.11895), and until then nothing else about reading can be learned. Their
two parts can be written down, so they are: heads of the first layer that look one and two tokens back and write what
they see into places of their own, and heads of the second that look for the current token, and the one before it, in
those places and copy what stands there. The rest of the weights is as drawn, made small where it would drown this.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_CONSTANT = 0.3
"""What every token's embedding has in its first place, for heads that look somewhere whatever the token."""
_SHARP = (5.0, 3.0, 2.0, 1.5, 1.0, 0.7, 0.5, 0.3)
"""Logits by which the previous token is preferred, for each frequency of the rotary embedding, fastest first."""
_MATCH, _BACK, _COPY, _QUIET = 10.0, 2.0, 4.0, 0.1
_LESS = 8
"""Of the rest, how many compare the token before, not the token."""
_SLOW = 6
"""Frequencies too fast to compare words by at a distance of hundreds of tokens."""


@torch.no_grad()
def wire_for_copying(model: Any, seed: int = 0) -> None:
    """Set the first two layers of an untrained Llama with tied embeddings and as many key as query heads."""
    config, layers = model.config, model.model.layers
    hidden, heads = config.hidden_size, config.num_attention_heads
    width = hidden // heads
    embeddings = model.model.embed_tokens.weight
    embeddings[:, 0] = _CONSTANT
    scale = math.sqrt((_CONSTANT**2 + (hidden - 1) * config.initializer_range**2) / hidden)
    random = torch.Generator().manual_seed(seed)
    directions = torch.zeros(hidden, hidden)
    directions[: hidden - 1, 1:] = _orthonormal(hidden - 1, hidden - 1, random)
    places = _orthonormal(hidden - 1, 2 * width, random)
    one, two = (torch.cat([torch.zeros(1, width), part]) for part in (places[:, :width], places[:, width:]))
    for layer in layers:
        layer.mlp.down_proj.weight *= _QUIET
        layer.self_attn.o_proj.weight *= _QUIET
    theta = config.rope_parameters["rope_theta"]
    first, second = layers[0].self_attn, layers[1].self_attn
    for head, place in enumerate((one, two)):
        own = slice(head * width, (head + 1) * width)
        _look_back(first, own, head + 1, theta, _CONSTANT / scale)
        first.v_proj.weight[own] = directions[:width]
        first.o_proj.weight[:, own] = _BACK * scale * place
    slow = [i for i in range(width) if i % (width // 2) >= _SLOW]
    content = config.initializer_range / scale
    loud = 1.5 * math.sqrt(_MATCH * math.sqrt(width) / len(slow)) / content
    rest = [i for i in slow if i % (width // 2) >= width // 2 - _LESS // 2]
    most = [i for i in slow if i not in rest]
    wanted = torch.cat([directions[: len(most)], one.T[: len(rest)]])
    offered = torch.cat([one.T[: len(most)], two.T[: len(rest)]])
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        second.q_proj.weight[own] = _rows(most + rest, loud * wanted, width)
        second.k_proj.weight[own] = _rows(most + rest, loud * offered, width)
        second.v_proj.weight[own] = directions[own]
        second.o_proj.weight[:, own] = _COPY * scale * directions[own].T


def _look_back(attention: Any, own: slice, distance: int, theta: float, unit: float) -> None:
    """A head's queries and keys from the constant alone, turned as far apart as the distance (tokens) turns them."""
    width = own.stop - own.start
    attention.q_proj.weight[own] *= _QUIET
    attention.k_proj.weight[own] *= _QUIET
    for i, logit in enumerate(_SHARP):
        turn, size = distance * theta ** (-2 * i / width), math.sqrt(logit * math.sqrt(width)) / unit
        attention.q_proj.weight[own.start + i, 0] = size
        attention.k_proj.weight[own.start + i, 0] = size * math.cos(turn)
        attention.k_proj.weight[own.start + i + width // 2, 0] = size * math.sin(turn)


def _orthonormal(rows: int, columns: int, random: torch.Generator) -> Tensor:
    basis: Tensor = torch.linalg.qr(torch.randn(rows, columns, generator=random))[0]
    return basis


def _rows(places: list[int], values: Tensor, width: int) -> Tensor:
    spread = torch.zeros(width, values.shape[1])
    spread[places] = values
    return spread
