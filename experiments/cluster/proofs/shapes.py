"""Models of known shapes with random weights: there is nothing to download."""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from experiments.cluster.proofs.step import Place
from rl.estimates import known_config

TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 128, "vocab_size": 512,
}  # fmt: skip
"""What becomes of a shape where there is only a CPU."""


def blank_model(name: str, place: Place, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
    """The model of the table of estimates that goes by this name, in `dtype` on CUDA; without, a tiny one in fp32."""
    config = known_config(name)
    assert config is not None
    if not place.cuda:
        config = type(config)(**TINY)
    torch.manual_seed(0)
    with torch.device(place.device):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype if place.cuda else torch.float32)
    return model.eval()
