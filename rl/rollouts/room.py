"""Keys and values that grow in place, and attention that reads them without copies, for sampling.

A layer of transformers' cache grows by a copy of all it holds, a token at a time; where heads share keys and there is a
mask, its attention on a CPU copies each key once more for every head. Neither changes a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, Cache, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "shared_keys"
"""What transformers knows this attention by."""
LEAST, GROWTH = 32, 1.25
"""Places that are added at least, and the share: so all copies together cost a few times what is held in the end."""


class Growing(DynamicLayer):  # type: ignore[misc]
    """Keys and values (B, heads, W, size) as the first W places of longer tensors, which nothing else refers to."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Take in those of new tokens (B, heads, new, size); give all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = (x.new_empty((*x.shape[:2], 0, x.size(3))) for x in (key_states, value_states))
        self.keys, self.values = _grown(self.keys, key_states), _grown(self.values, value_states)
        return self.keys, self.values


def _grown(held: Tensor, new: Tensor) -> Tensor:
    start, end = held.size(2), held.size(2) + new.size(2)
    whole = held._base  # where rows have been chosen or joined since, they are a tensor by themselves
    if whole is None or whole.size(2) < end:
        whole = held.new_empty((*held.shape[:2], max(end + LEAST, int(GROWTH * end)), held.size(3)))
        whole[:, :, :start] = held
    whole[:, :, start:end] = new
    return whole[:, :, :end]


def growing(cache: Cache) -> Cache:
    """An empty cache, whose plain layers grow in place from now on."""
    cache.layers = [Growing() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    position_bias: Tensor | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """(B, H, new, D) queries, (B, H / group, W, D) keys and values to (B, new, H, D).

    SDPA as transformers has it, but on a CPU without copies of keys that heads share, where there is no gradient.
    """
    usual = not query.is_cpu or query.requires_grad or key.size(1) == query.size(1)
    if usual or position_bias is not None or dropout:
        more = {"scaling": scaling, "dropout": dropout, "position_bias": position_bias, **others}
        return sdpa_attention_forward(module, query, key, value, attention_mask, **more)  # type: ignore[no-any-return]
    causal = attention_mask is None and query.size(2) > 1 and getattr(module, "is_causal", True)
    out = scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, is_causal=causal, scale=scaling, enable_gqa=True
    )
    return out.transpose(1, 2).contiguous(), None


@contextmanager
def shared_keys(model: PreTrainedModel) -> Iterator[None]:
    """Within it, a model that attends by SDPA does so by `attend`."""
    usual = model.config._attn_implementation
    if usual == "sdpa":
        model.config._attn_implementation = NAME
    try:
        yield
    finally:
        model.config._attn_implementation = usual


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
