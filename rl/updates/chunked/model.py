"""Where chunks enter a model: its decoder layers, and the LM head that TRL fuses to its log-probs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import MethodType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.integrations import is_deepspeed_zero3_enabled
from trl.trainer.utils import FusedCausalLMOutput

from rl.errors import UserError
from rl.updates.chunked.attention import NAME, chunked_attention, first_keys
from rl.updates.chunked.layer import chunked
from rl.updates.chunked.sparse import drawn

PROVEN = (
    "cohere", "gemma", "gemma3_text", "granite", "llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "smollm3",
)  # fmt: skip
"""Values of `config.model_type` whose gradients the tests compare with the ordinary ones, sliding windows included."""


def chunk_sequence(model: nn.Module, chunk: int, share: float = 1.0) -> None:
    """Have `model`, which has TRL's fused LM head, train on long sequences `chunk` tokens at a time.

    `share`: of the chunks, those that gradients go through (`sparse.py`).

    It changes how log-probs and their gradients are computed, and nothing else: generation and calls
    that want logits go the usual way. It takes the place of gradient checkpointing. Errors: UserError
    for what this is not proven on.
    """
    model = model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
    assert isinstance(model, PreTrainedModel)
    require_proven(model.config)
    if any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules()):
        raise _dropout()
    model.gradient_checkpointing_disable()
    for layer in model.base_model.layers:
        _chunk_layer(layer, model, chunk)
    _chunk_head(model, chunk, share)


def require_proven(config: PretrainedConfig) -> None:
    """Refuse, before anything is loaded, a model on which chunks are not proven exact."""
    if config.model_type not in PROVEN:
        raise UserError(
            f"sequence_chunk is proven on {', '.join(PROVEN)}, not on {config.model_type}; "
            "remove it to train by gradient checkpointing"
        )
    if getattr(config, "attention_dropout", 0.0):
        raise _dropout()
    if is_deepspeed_zero3_enabled():
        raise UserError(
            "sequence_chunk needs whole weights on each rank, which DeepSpeed ZeRO-3 shards; use ZeRO-2 or DDP"
        )


def _dropout() -> UserError:
    return UserError("sequence_chunk repeats each chunk's forward, which dropout would change; set it to 0, LoRA's too")


def _chunk_layer(layer: nn.Module, model: PreTrainedModel, chunk: int) -> None:
    usual = layer.forward

    @functools.wraps(usual)
    def forward(self: nn.Module, hidden: Tensor, **arguments: Any) -> Tensor:
        if model.config._attn_implementation != NAME:
            return usual(hidden, **arguments)  # type: ignore[no-any-return]
        return chunked(usual, self, model.config, chunk, hidden, arguments)

    layer.forward = MethodType(forward, layer)  # type: ignore[method-assign]


@dataclass(frozen=True)
class _Head:
    """What TRL's fused forward asks of a model, where the backbone is already done."""

    hidden: Tensor
    head: nn.Module

    def base_model(self, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=self.hidden)

    def get_output_embeddings(self) -> nn.Module:
        return self.head


def _chunk_head(model: PreTrainedModel, chunk: int, share: float) -> None:
    fused = model.forward

    @functools.wraps(fused)  # `generate` reads the signature
    def forward(self: PreTrainedModel, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return fused(*args, **kwargs)
        return _log_probs(self, fused.__func__, chunk, share, *args, **kwargs)

    model.forward = MethodType(forward, model)


def hidden_states(
    model: PreTrainedModel,
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    **kwargs: Any,
) -> Tensor:
    """(B, L) tokens to the backbone's (B, L, hidden), through chunked layers."""
    if model.is_gradient_checkpointing:
        raise UserError("sequence_chunk takes the place of gradient checkpointing; turn that off")
    # A mask of four dimensions goes through the model to the layers as it is.
    first = first_keys(attention_mask, position_ids)
    with chunked_attention(model.config):
        outputs = model.base_model(
            input_ids=input_ids,
            attention_mask=first,
            position_ids=position_ids,
            **{**kwargs, "use_cache": False},
        )
    return outputs.last_hidden_state  # type: ignore[no-any-return]


def _log_probs(
    model: PreTrainedModel,
    fused: Any,
    chunk: int,
    share: float,
    input_ids: Tensor,
    labels: Tensor | None = None,
    shift_labels: Tensor | None = None,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    **kwargs: Any,
) -> FusedCausalLMOutput:
    """The backbone by chunked layers, then TRL's head on one chunk of its output after another."""
    some = drawn(-(-input_ids.size(1) // chunk), share) if share < 1 and torch.is_grad_enabled() else None
    hidden = hidden_states(model, input_ids, attention_mask, position_ids, **kwargs, kept_chunks=some)
    hidden = hidden if some is None else some.enter(hidden, chunk)
    if shift_labels is None:
        assert labels is not None
        hidden, shift_labels = hidden[:, :-1], labels[:, 1:]
    head = model.get_output_embeddings()
    parts = [
        fused(_Head(piece, head), fused_lm_head=True, shift_labels=targets)
        for piece, targets in zip(torch.split(hidden, chunk, 1), torch.split(shift_labels, chunk, 1), strict=True)
    ]
    fields = ("log_probs", "entropy", "label_mask")
    return FusedCausalLMOutput(
        **{f: torch.cat([getattr(p, f) for p in parts], 1) for f in fields if getattr(parts[0], f) is not None}
    )
