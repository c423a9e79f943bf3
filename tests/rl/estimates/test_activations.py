"""What a layer keeps for its backward pass, counted and as autograd really saves it."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rl.estimates import Shape, shape_of
from rl.estimates.activations import layer_bytes
from rl.estimates.setup import Setup
from rl.launch.configuration import Launch

SMALL = {
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 160,
    "vocab_size": 50,
    "pad_token_id": 0,
    "max_position_embeddings": 256,
}


def saved_bytes(family: str, layers: int, rows: int, length: int, half: bool) -> int:
    """Of tensors that autograd keeps of a padded batch, each storage once, parameters apart."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SMALL, num_hidden_layers=layers)).float()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    ids = torch.randint(1, 50, (rows, length))
    mask = torch.ones_like(ids)
    mask[0, :5] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        hidden = model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    assert hidden.requires_grad
    casts = sum(p.numel() for n, p in model.named_parameters() if p.dim() > 1 and "embed" not in n) * 2 if half else 0
    return sum(storage.nbytes() for storage in kept.values()) - casts


def setup(shape: Shape, rows: int, length: int, half: bool) -> Setup:
    return Setup(shape, Launch(cpu=True), 8, length - 8, rows, rows, compute_bytes=2 if half else 4, cpu=True)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "phi3", "mistral"])
def test_a_layer_keeps_what_is_counted(family: str, half: bool) -> None:
    rows, length = 3, 96
    real = saved_bytes(family, 3, rows, length, half) - saved_bytes(family, 2, rows, length, half)
    shape = shape_of(AutoConfig.for_model(family, **SMALL, num_hidden_layers=3))
    assert rows * length * layer_bytes(setup(shape, rows, length, half)) == pytest.approx(real, rel=0.1)
