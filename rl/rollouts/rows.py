"""Rows of a model's cache: chosen and joined, whatever its layers keep of the tokens that they have seen.

Keys and values have a place for each token, and a mask that hides padding. A convolution, a state space or linear
attention has one state a row, in which padding may leave its mark: how is each model's own affair, and that of the
kernels that are installed. So such a model never sees any: prompts of one length begin together, and rows that run join
by their states.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import Cache, DynamicCache, PretrainedConfig
from transformers.cache_utils import (
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionLayer,
)

from rl.errors import UserError
from rl.rollouts.room import Growing, growing

PROVEN = (
    "bamba", "falcon_h1", "falcon_mamba", "granitemoehybrid", "jamba", "kimi_linear", "lfm2", "lfm2_moe", "mamba",
    "mamba2", "minimax", "nemotron_h", "olmo_hybrid", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next", "zamba",
    "zamba2", "zaya",
)  # fmt: skip
"""Values of `config.model_type`, with other states than keys and values, whose rollouts and gradients the tests compare
with those of one row at a time."""

REFUSED = {
    "recurrent_gemma": "its state lies in the model itself",
    "rwkv": "its state is no cache of transformers",
    "xlstm": "its state is no cache of transformers",
    "reformer": "its buckets depend on what stands beside a row",
    "openai-gpt": "it has no cache",
    "cpmant": "its positions have no place for padding",
    "xlm": "it has no cache",
}
"""Values of `config.model_type` that are known not to give what one row alone gives, and why."""

PLAIN = (DynamicLayer, DynamicSlidingWindowLayer)
"""Layers that keep keys and values alone."""

_STATES_BY_ANOTHER_NAME = ("falcon_mamba", "mamba", "mamba2")


def require_rows(config: PretrainedConfig, name: str) -> None:
    """Refuse, before weights are loaded, a model whose rows may not give side by side what each gives alone."""
    why = _doubt(config)
    if why is not None:
        raise UserError(
            f"model {name!r} is a {_text(config).model_type}, whose rows side by side are not known to give what each "
            f"gives alone: {why}; train another model"
        )


def _doubt(config: PretrainedConfig) -> str | None:
    kind = _text(config).model_type
    if kind in PROVEN or kind in REFUSED:
        return REFUSED.get(kind)
    try:
        layers = DynamicCache(config=config).layers
    except (AttributeError, KeyError, TypeError, ValueError):
        return "transformers has no cache for its layers"
    others = sorted({type(layer).__name__ for layer in layers if type(layer) not in PLAIN})
    return f"no test shows it of {', '.join(others)}" if others else None


def stateful(config: PretrainedConfig) -> bool:
    """Whether a model keeps more of a row than keys and values, so that padding may leave its mark."""
    return _text(config).model_type in PROVEN


def shifts(config: PretrainedConfig) -> bool:
    """Whether padding on the left may change what a model makes of a row: by a state, or by learned positions."""
    return stateful(config) or getattr(_text(config), "rope_parameters", None) is None


def empty(config: PretrainedConfig) -> dict[str, Any]:
    """An argument of the model: a cache that has seen nothing, by the name that it goes by."""
    kind = _text(config).model_type
    if kind == "minimax":
        from transformers.models.minimax.modeling_minimax import MiniMaxCache

        return {"past_key_values": MiniMaxCache()}
    name = "cache_params" if kind in _STATES_BY_ANOTHER_NAME else "past_key_values"
    return {name: growing(DynamicCache(config=config))}


def keeps_tokens(cache: Cache) -> bool:
    """Whether there are keys and values in it, among which a mask tells padding."""
    return any(isinstance(layer, DynamicLayer) for layer in cache.layers)


def choose(cache: Cache, rows: Tensor) -> None:
    """Let all but `rows` go."""
    cache.reorder_cache(rows)  # unlike `batch_select_indices`, it knows all kinds of layers
    if hasattr(cache, "linear_cache"):  # MiniMax
        cache.linear_cache = [s[rows] if isinstance(s, Tensor) else s for s in cache.linear_cache]


def can_join(cache: Cache) -> bool:
    """Whether rows can be added: a sliding window has no place for padding, which shorter rows get."""
    known = (Growing, LinearAttentionLayer, LinearAttentionAndFullAttentionLayer)
    return type(cache) is DynamicCache and all(type(layer) in known for layer in cache.layers)


def join(cache: Cache, other: Cache, unused: int, short: int) -> None:
    """Add the rows of `other`: keys and values without the first `unused` places, the narrower padded on the left.

    `short`: by how many places `other` is narrower then.
    """
    for mine, theirs in zip(cache.layers, other.layers, strict=True):
        if isinstance(mine, DynamicLayer):
            for name in ("keys", "values"):
                ours, new = getattr(mine, name)[:, :, unused:], getattr(theirs, name)
                setattr(mine, name, torch.cat([_widen(ours, -short), _widen(new, short)]))
        if isinstance(mine, LinearAttentionLayer):
            for name in ("conv_states", "recurrent_states"):
                states, added = getattr(mine, name), getattr(theirs, name)
                joined = {i: torch.cat([state, added[i]]) for i, state in states.items() if state is not None}
                setattr(mine, name, states | joined)


def _widen(states: Tensor, by: int) -> Tensor:
    """Keys or values (B, heads, W, size) with `by` more padding on the left, if that is any."""
    return pad(states, (0, 0, max(0, by), 0))


def _text(config: PretrainedConfig) -> Any:
    return config.get_text_config(decoder=True)
