"""The shape of a model: how many parameters it has, and what a token of it keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

from rl.models import without_weights

DENSE = ("llama", "mistral", "phi3", "qwen2", "qwen3")
"""Values of `config.model_type` whose parameters are counted by the formula; of others, a model without weights is."""


@dataclass(frozen=True)
class Shape:
    """A decoder of equal layers with a gated MLP."""

    model_type: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocabulary: int
    tied: bool
    positions: int
    other: int = 0
    """Parameters that the formula does not know of."""

    @property
    def queries(self) -> int:
        """Width of all heads together."""
        return self.heads * self.head_size

    @property
    def keys(self) -> int:
        """Width of all key heads together; of all value heads too."""
        return self.kv_heads * self.head_size

    def linears(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each linear map of a layer, by its usual name."""
        h, q, k, i = self.hidden, self.queries, self.keys, self.intermediate
        return {
            **{"q_proj": (h, q), "k_proj": (h, k), "v_proj": (h, k), "o_proj": (q, h)},
            **{"gate_proj": (h, i), "up_proj": (h, i), "down_proj": (i, h)},
        }

    @property
    def layer_parameters(self) -> int:
        biases = self.queries + 2 * self.keys if self.model_type == "qwen2" else 0
        head_norms = 2 * self.head_size if self.model_type == "qwen3" else 0
        return sum(a * b for a, b in self.linears().values()) + 2 * self.hidden + biases + head_norms

    @property
    def head_parameters(self) -> int:
        """Of the projection to the vocabulary, and as many of the embedding."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        embeddings = self.head_parameters * (1 if self.tied else 2)
        return self.layers * self.layer_parameters + embeddings + self.hidden + self.other

    def adapter_parameters(self, rank: int, targets: Collection[str] | None = None) -> int:
        """Of a LoRA adapter of this rank on linear maps by these names; None: on all of a layer."""
        chosen = [size for name, size in self.linears().items() if targets is None or name in targets]
        return self.layers * rank * sum(a + b for a, b in chosen)


def shape_of(config: PretrainedConfig, trust_remote_code: bool = False) -> Shape:
    """The shape of a model with this configuration."""
    text = config.get_text_config()
    heads = text.num_attention_heads
    shape = Shape(
        text.model_type,
        text.hidden_size,
        text.num_hidden_layers,
        heads,
        getattr(text, "num_key_value_heads", None) or heads,
        getattr(text, "head_dim", None) or text.hidden_size // heads,
        getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        text.vocab_size,
        bool(text.tie_word_embeddings),
        getattr(text, "max_position_embeddings", None) or 0,
    )
    if text.model_type in DENSE and not getattr(text, "attention_bias", False):
        return shape
    return Shape(**{**vars(shape), "other": counted(config, trust_remote_code) - shape.parameters})


def counted(config: PretrainedConfig, trust_remote_code: bool = False) -> int:
    """Parameters of a model with this configuration, tied ones once, by making one without weights."""
    with without_weights():
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    return sum(parameter.numel() for parameter in model.parameters())


@cache
def _table() -> dict[str, dict[str, Any]]:
    models: dict[str, dict[str, Any]] = yaml.safe_load((resources.files(__package__) / "models.yaml").read_text())[
        "models"
    ]
    return models


def known_models() -> list[str]:
    """Hub names whose shapes come with the package."""
    return list(_table())


def known_config(name: str) -> PretrainedConfig | None:
    """The configuration of a model of the table, as far as its shape goes."""
    return AutoConfig.for_model(**_table()[name]) if name in _table() else None
