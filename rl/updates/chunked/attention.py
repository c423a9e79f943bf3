"""Attention of a chunk's queries to all keys so far, with nothing of size length x length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PretrainedConfig

from rl.updates.sequence import ALONE, SequenceGroup

NAME = "sequence_chunked"
"""What transformers knows this attention by. It has no mask function there, so models build no mask for it."""


def first_keys(attention_mask: Tensor | None, position_ids: Tensor | None) -> Tensor | None:
    """The first key that each query may see, (B, 1, L, 1), or None where that is key 0 throughout.

    A (B, L) attention mask says where left padding ends; right padding needs no mask, since no real
    token comes after it. Without a mask, positions that do not follow on each other start a new
    sequence of a packed row, as in transformers. Padding sees itself, so that no query sees nothing. A mask of four
    dimensions is such keys already, (B, 1, L, 1), or (B, 1, L, 3) where a query also sees those of a prompt that lies
    elsewhere, from the second number up to the third.
    """
    if attention_mask is not None and attention_mask.dim() == 4:
        return attention_mask
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
    sequence_group: SequenceGroup = ALONE,
    **others: Any,
) -> tuple[Tensor, None]:
    """(B, H, c, D) queries, the last c positions of (B, H / group, n, D) keys and values, to (B, c, H, D).

    `attention_mask` holds the chunk's share of `first_keys`. Heads of a group take turns on their
    shared keys, which are never copied for them. Of a `sequence_group`, queries are of this rank's tokens of the chunk,
    and all else is of all tokens and this rank's heads.
    """
    more = [name for name in ("softcap", "s_aux", "position_bias") if others.get(name) is not None]
    if more or dropout:
        raise NotImplementedError(f"chunked attention has no {more[0] if more else 'dropout'}")
    query = sequence_group.queries(query)
    chunk, total = query.size(2), key.size(2)
    unseen = 0 if sliding_window is None else max(0, total - chunk - sliding_window + 1)
    if attention_mask is not None:
        unseen = max(unseen, int(attention_mask[..., 0].min()))
    places = _places(unseen, total, attention_mask)
    key, value = key[:, :, places], value[:, :, places]
    causal = chunk == total and attention_mask is None and sliding_window is None
    keys = torch.arange(total, device=query.device)[places]
    mask = None if causal else _mask(query, keys, total, attention_mask, sliding_window)
    heads = [
        scaled_dot_product_attention(one, key, value, attn_mask=mask, is_causal=causal, scale=scaling)
        for one in torch.unflatten(query, 1, (key.size(1), -1)).unbind(2)
    ]
    return sequence_group.tokens(torch.stack(heads, 2).flatten(1, 2).transpose(1, 2).contiguous()), None


def _places(unseen: int, total: int, seen: Tensor | None) -> slice | Tensor:
    """Of keys that any query of the chunk may look at: from `unseen` on, and those of a prompt before."""
    if seen is None or seen.size(-1) == 1 or not (end := int(seen[..., 2].max())):
        return slice(unseen, total)
    begin = int(seen[..., 1].masked_fill(seen[..., 2] == 0, unseen).min())
    before = torch.arange(min(begin, unseen), min(end, unseen), device=seen.device)
    return torch.cat([before, torch.arange(unseen, total, device=seen.device)])


def _mask(query: Tensor, keys: Tensor, total: int, seen: Tensor | None, window: int | None) -> Tensor:
    """0 where the chunk's query may look and -inf elsewhere: (1 or B, 1, c, keys)."""
    queries = torch.arange(total - query.size(2), total, device=query.device)[None, None, :, None]
    hidden = keys > queries
    if window is not None:
        hidden = hidden | (keys <= queries - window)
    if seen is not None:
        first, *prompt = torch.split(seen, 1, -1)
        hidden = hidden | (keys < first)
        if prompt:
            start, end = prompt
            of_prompt = (keys >= start) & (keys < end)
            if window is not None:  # a prompt's keys come right before the row's own
                of_prompt = of_prompt & (keys > queries - (first - end) - window)
            hidden = hidden & ~of_prompt
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
