"""Attention of a chunk's queries to all keys so far, with nothing of size length x length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PretrainedConfig

NAME = "sequence_chunked"
"""What transformers knows this attention by. It has no mask function there, so models build no mask for it."""


def first_keys(attention_mask: Tensor | None, position_ids: Tensor | None) -> Tensor | None:
    """The first key that each query may see, (B, 1, L, 1), or None where that is key 0 throughout.

    A (B, L) attention mask says where left padding ends; right padding needs no mask, since no real
    token comes after it. Without a mask, positions that do not follow on each other start a new
    sequence of a packed row, as in transformers. Padding sees itself, so that no query sees nothing.
    """
    if attention_mask is not None:
        length = attention_mask.size(1)
        first = attention_mask.long().argmax(1, keepdim=True)
        first = torch.minimum(first, torch.arange(length, device=first.device))
    elif position_ids is not None:
        places = torch.arange(position_ids.size(1), device=position_ids.device)
        breaks = torch.diff(position_ids, prepend=position_ids[:, :1] - 1) != 1
        first = torch.where(breaks, places, 0).cummax(1).values
    else:
        return None
    return first[:, None, :, None] if first.any() else None


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[Tensor, None]:
    """(B, H, c, D) queries, the last c positions of (B, H / group, n, D) keys and values, to (B, c, H, D).

    `attention_mask` holds the chunk's share of `first_keys`. Heads of a group take turns on their
    shared keys, which are never copied for them.
    """
    more = [name for name in ("softcap", "s_aux", "position_bias") if others.get(name) is not None]
    if more or dropout:
        raise NotImplementedError(f"chunked attention has no {more[0] if more else 'dropout'}")
    chunk, total = query.size(2), key.size(2)
    unseen = 0 if sliding_window is None else max(0, total - chunk - sliding_window + 1)
    if attention_mask is not None:
        unseen = max(unseen, int(attention_mask.min()))
    key, value = key[:, :, unseen:], value[:, :, unseen:]
    causal = chunk == total and attention_mask is None and sliding_window is None
    mask = None if causal else _mask(query, unseen, total, attention_mask, sliding_window)
    heads = [
        scaled_dot_product_attention(one, key, value, attn_mask=mask, is_causal=causal, scale=scaling)
        for one in torch.unflatten(query, 1, (key.size(1), -1)).unbind(2)
    ]
    return torch.stack(heads, 2).flatten(1, 2).transpose(1, 2).contiguous(), None


def _mask(query: Tensor, start: int, total: int, first: Tensor | None, window: int | None) -> Tensor:
    """0 where the chunk's query may look and -inf elsewhere: (1 or B, 1, c, total - start)."""
    keys = torch.arange(start, total, device=query.device)
    queries = torch.arange(total - query.size(2), total, device=query.device)[None, None, :, None]
    hidden = keys > queries
    if window is not None:
        hidden = hidden | (keys <= queries - window)
    if first is not None:
        hidden = hidden | (keys < first)
    return torch.zeros(hidden.shape, dtype=query.dtype, device=query.device).masked_fill_(hidden, -torch.inf)


@contextmanager
def chunked_attention(config: PretrainedConfig) -> Iterator[None]:
    """Within it, models of this config attend by `attend`."""
    usual = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = usual


AttentionInterface.register(NAME, attend)
