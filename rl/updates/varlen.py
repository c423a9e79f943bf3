"""Attention over rows that lie end to end, each to itself alone, without padding and without any mask.

By `torch.nn.attention.varlen.varlen_attn`, which comes with torch and needs no package: flash kernels for CUDA in half
precision, keys shared by heads and sliding windows included. Where they do not run, float32 above all, each row goes
through SDPA by itself. Whatever is no such row (sampling, evaluation, padded batches) is SDPA as transformers has it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PretrainedConfig, PreTrainedModel
from transformers.masking_utils import sdpa_mask

from rl.rollouts import room
from rl.updates.sequence import ALONE, SequenceGroup

NAME = "rows_end_to_end"
"""What transformers knows this attention by."""
PROVEN = ("llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3")
"""Values of `config.model_type` whose log-probs and gradients the tests compare with those of padded rows."""
HALF = (torch.bfloat16, torch.float16)
CAPABILITY, HEAD_SIZE = (8, 0), 256
"""The first devices, and the widest heads, that the flash kernels take."""


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: Tensor | None = None,
    max_length_q: int | None = None,
    cu_seq_lens_k: Tensor | None = None,
    max_length_k: int | None = None,
    key_places: Tensor | None = None,
    sequence_group: SequenceGroup = ALONE,
    **others: Any,
) -> tuple[Tensor, None]:
    """(1, H, T, D) queries, (1, H / group, T, D) keys and values of rows end to end, to (1, T, H, D).

    `cu_seq_lens_q`: (rows + 1,) int32, where each row begins, and T; without it this is SDPA. `key_places`: where rows
    see more than themselves, the places of what each sees, its own last, one row after another; `cu_seq_lens_k` parts
    them. Of a `sequence_group`, all this is of all its tokens, and the tensors are of this rank's.
    """
    if cu_seq_lens_q is None:
        return room.attend(
            module, query, key, value, attention_mask, scaling, dropout, sliding_window=sliding_window, **others
        )
    assert max_length_q is not None
    more = [name for name in ("softcap", "s_aux", "position_bias") if others.get(name) is not None]
    if more or dropout:
        raise NotImplementedError(f"attention over rows end to end has no {more[0] if more else 'dropout'}")
    query, key, value = (each.to(_computed_in(each)) for each in (query, key, value))
    heads = sequence_group.queries(query), sequence_group.keys(key), sequence_group.keys(value)
    q, k, v = (each[0].transpose(0, 1).contiguous() for each in heads)
    rows: tuple[Any, ...] = (cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q)
    if key_places is not None:
        k, v = k.index_select(0, key_places), v.index_select(0, key_places)
        rows = (cu_seq_lens_q, cu_seq_lens_k, max_length_q, max_length_k)
    run: Callable[..., Any] = varlen_attn if q.is_cuda and q.dtype in HALF else by_rows
    window = (-1, 0) if sliding_window is None else (sliding_window - 1, 0)
    out = run(q, k, v, *rows, scale=scaling, window_size=window, enable_gqa=q.size(1) != k.size(1))
    return sequence_group.tokens(out[None]), None


def _computed_in(tensor: Tensor) -> torch.dtype:
    """Half precision under autocast, though rotary embeddings have made queries and keys float32."""
    kind = tensor.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else tensor.dtype


def by_rows(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> Tensor:
    """What `varlen_attn` does of causal attention, by its signature, row by row: (T, H, D) to (T, H, D).

    A row's last query sees its last key, as in flash attention.
    """
    rows = []
    edges = [cu_seq_q.tolist(), (cu_seq_q if cu_seq_k is None else cu_seq_k).tolist()]
    for (start, end), (first, last) in zip(*map(pairwise, edges), strict=True):
        q = query[start:end].transpose(0, 1)[None]
        k, v = (each[first:last].transpose(0, 1)[None] for each in (key, value))
        total = last - first
        seen = min(total, window_size[0] + 1) if window_size[0] >= 0 else total
        causal = seen == total == end - start
        mask = None if causal else _band(end - start, total, seen, q.device)
        out = scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=causal, scale=scale, enable_gqa=enable_gqa
        )
        rows.append(out[0].transpose(0, 1))
    return torch.cat(rows)


def _band(queries: int, keys: int, seen: int, device: torch.device) -> Tensor:
    """(queries, keys): what the last of the queries see, each itself and those before it, so many in all."""
    ones = torch.ones((queries, keys), dtype=torch.bool, device=device)
    return ones.tril(keys - queries) & ones.triu(keys - queries + 1 - seen)


def is_proven(config: PretrainedConfig) -> bool:
    """Whether a model of this configuration can have its rows end to end."""
    heads = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    layers = set(getattr(config, "layer_types", None) or [])
    return (
        config.model_type in PROVEN
        and heads <= HEAD_SIZE
        and heads % 8 == 0
        and layers <= {"full_attention", "sliding_attention"}
        and not getattr(config, "attention_dropout", 0.0)
    )


def is_default(config: PretrainedConfig, device: torch.device) -> bool:
    """Whether a model that was loaded with no attention of the user's choice trains by this one on a device."""
    runs = device.type == "cpu" or (device.type == "cuda" and torch.cuda.get_device_capability(device) >= CAPABILITY)
    return runs and config._attn_implementation == "sdpa" and is_proven(config)


def use(model: PreTrainedModel | nn.Module) -> None:
    """Have a model, or that under an adapter, attend so from now on."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
    base.set_attn_implementation(NAME)  # type: ignore[operator]


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
