"""Whether weights fit a worker's model, by the headers of their files; no vLLM is needed to know."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor

from rl.models import load_model, resolve_model
from rl.rollouts.vllm.fitting import Misfit, Model, model_of
from rl.rollouts.weights import write_weights

DEMO = resolve_model("demo")
UP = "model.layers.0.mlp.up_proj.weight"
A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of("demo")


def changed(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    file = next(folder.glob("*.safetensors"))
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    return folder


def test_what_the_trainer_sends_fits(model: Model, tmp_path: Path) -> None:
    write_weights(load_model(DEMO), tmp_path / "weights")
    model.require_fit(tmp_path / "weights")
    with pytest.raises(Misfit, match=r"takes adapters, and .* holds none"):
        model.require_fit(tmp_path / "weights", 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda tensors: tensors.update({UP: tensors[UP].T.contiguous()}),
            r"up_proj.weight is \[64, 192\], and \[192, 64\]",
        ),
        (lambda tensors: tensors.pop(UP), r"up_proj.weight is missing"),
        (
            lambda tensors: tensors.update({"model.extra.weight": torch.ones(2)}),
            "the model has no tensor model.extra.weight",
        ),
    ],
)
def test_other_names_and_shapes_do_not(
    model: Model, change: Callable[[dict[str, Tensor]], object], message: str, tmp_path: Path
) -> None:
    write_weights(load_model(DEMO), tmp_path / "weights")
    with pytest.raises(Misfit, match=message):
        model.require_fit(changed(tmp_path / "weights", change))


def test_a_file_that_is_torn_or_no_plain_file_does_not_and_is_not_waited_for(model: Model, tmp_path: Path) -> None:
    write_weights(load_model(DEMO), tmp_path / "weights")
    file = next((tmp_path / "weights").iterdir())
    data = file.read_bytes()
    file.write_bytes(data[:-8])
    with pytest.raises(Misfit, match="cannot read"):
        model.require_fit(tmp_path / "weights")
    file.write_bytes(data)
    os.mkfifo(tmp_path / "weights" / "more.safetensors")
    with pytest.raises(Misfit, match=r"more\.safetensors is no plain file"):
        model.require_fit(tmp_path / "weights")


def test_adapters_fit_by_their_layers_and_rank(model: Model, tmp_path: Path) -> None:
    adapted = get_peft_model(load_model(DEMO), LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    write_weights(adapted, tmp_path / "adapter")
    model.require_fit(tmp_path / "adapter", 8)
    for room, message in ((None, "takes whole models"), (2, "takes adapters up to rank 2")):
        with pytest.raises(Misfit, match=message):
            model.require_fit(tmp_path / "adapter", room)
    narrow = changed(tmp_path / "adapter", lambda tensors: tensors.update({A: tensors[A][:3].clone()}))
    with pytest.raises(Misfit, match=r"lora_A.weight is \[3, 64\], and \[4, 64\] in the model"):
        model.require_fit(narrow, 8)
    bias = "base_model.model.lm_head.bias"
    strange = changed(narrow, lambda tensors: tensors.update({A: torch.ones(4, 64), bias: torch.ones(2)}))
    with pytest.raises(Misfit, match=f"the model has no tensor {bias}"):
        model.require_fit(strange, 8)
