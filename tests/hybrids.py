"""Tiny models with random weights of the families that keep more of a row than keys and values."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 61

_BASE = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
_HEADS = {"head_dim": 8}
_MAMBA = {"mamba_d_state": 8, "mamba_expand": 2}
_MAMBA_2 = {**_MAMBA, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_chunk_size": 4}
_DELTA = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
}  # fmt: skip
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_MIXED = {"layer_types": ["linear_attention", "full_attention", "linear_attention", "full_attention"]}

FAMILIES: dict[str, dict[str, Any]] = {
    "bamba": {**_MAMBA_2, "attn_layer_indices": [1, 3]},
    "falcon_h1": {**_MAMBA_2, **_HEADS, "mamba_d_ssm": 32, "lm_head_multiplier": 0.5},
    "falcon_mamba": {"state_size": 8},
    "granitemoehybrid": {
        **_MAMBA_2, "layer_types": ["mamba", "attention", "mamba", "attention"], "num_local_experts": 4,
        "shared_intermediate_size": 24, "logits_scaling": 2.0,
    },
    "jamba": {
        **_MAMBA, "mamba_dt_rank": 4, "attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 4,
    },
    "kimi_linear": {
        **_MIXED, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8,
        "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "linear_head_dim": 8,
        "linear_num_heads": 2, "num_key_value_heads": 4,
    },
    "lfm2": {"layer_types": ["conv", "full_attention", "conv", "full_attention"], "block_multiple_of": 8},
    "lfm2_moe": {
        **_EXPERTS, "layer_types": ["conv", "full_attention", "conv", "full_attention"], "num_dense_layers": 1,
    },
    "mamba": {"state_size": 8},
    "mamba2": {"state_size": 8, "num_heads": 4, "head_dim": 8, "n_groups": 1, "chunk_size": 4},
    "minimax": {**_MIXED, **_HEADS, "num_local_experts": 4, "block_size": 4},
    "nemotron_h": {
        **_HEADS, "layers_block_type": ["mamba", "attention", "mamba", "mlp"], "ssm_state_size": 8, "mamba_num_heads": 4,
        "mamba_head_dim": 8, "n_groups": 1, "chunk_size": 4,
    },
    "olmo_hybrid": {**_MIXED, **_DELTA, "num_key_value_heads": 4},
    "qwen3_5_moe_text": {**_MIXED, **_DELTA, **_HEADS, **_EXPERTS, "shared_expert_intermediate_size": 16},
    "qwen3_5_text": {**_MIXED, **_DELTA, **_HEADS},
    "qwen3_next": {**_MIXED, **_DELTA, **_HEADS, **_EXPERTS, "shared_expert_intermediate_size": 16},
    "zamba": {
        **_MAMBA, "mamba_dt_rank": 4, "attn_layer_period": 2, "attn_layer_offset": 1, "num_key_value_heads": 4,
        "num_hidden_layers": 6,
    },
    "zamba2": {
        **_MAMBA, "n_mamba_heads": 4, "mamba_headdim": 8, "mamba_ngroups": 1, "chunk_size": 4, "num_key_value_heads": 4,
        "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"],
    },
    "zaya": {**_HEADS, "num_experts": 4},
}  # fmt: skip
"""By `config.model_type`, what is said of each beside its size."""

OTHERS: dict[str, dict[str, Any]] = {
    "gemma3_text": {**_HEADS, "sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"] * 2},
    "gpt_oss": {**_HEADS, "sliding_window": 4, "num_local_experts": 4, "num_experts_per_tok": 2},
    "gpt2": {
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 128,
        "resid_pdrop": 0,
        "embd_pdrop": 0,
        "attn_pdrop": 0,
    },
}
"""Keys and values alone: in windows, and by learned positions."""


def small_model(kind: str, vocabulary: int = VOCABULARY) -> PreTrainedModel:
    said = {**FAMILIES, **OTHERS}[kind]
    config = AutoConfig.for_model(kind, **{**({} if "n_embd" in said else _BASE), **said, "vocab_size": vocabulary})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.3)
            elif name.endswith("bias"):  # what a convolution makes of padding shows where it has one
                parameter.normal_(0, 0.5)
    return model  # type: ignore[no-any-return]


def prompts(lengths: tuple[int, ...] = (9, 3, 9, 14, 2, 3)) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(3, VOCABULARY, (length,), generator=generator).tolist() for length in lengths]
