"""Weights as they go to other engines, and the check that they got there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen3MoeConfig, Qwen3MoeForCausalLM

from rl.errors import UserError
from rl.rollouts import Ask, Completion, Sampling, TransformersEngine
from rl.rollouts.check import WeightCheck, has_experts, tolerance
from rl.rollouts.weights import adapter_rank, checkpoint_tensors, read_weights, write_weights


def test_tied_weights_go_once_under_the_embeddings_name(model: PreTrainedModel) -> None:
    names = checkpoint_tensors(model)
    assert model.config.tie_word_embeddings
    assert "model.embed_tokens.weight" in names
    assert "lm_head.weight" not in names


def tiny_llama() -> PreTrainedModel:
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    )


def tiny_moe() -> PreTrainedModel:
    return Qwen3MoeForCausalLM(
        Qwen3MoeConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=32,
            moe_intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=16,
            num_experts=4,
            num_experts_per_tok=2,
        )
    )


@pytest.mark.parametrize("make", [tiny_llama, tiny_moe])
def test_a_folder_of_weights_has_a_checkpoints_names(make: Any, tmp_path: Path) -> None:
    model = make()
    model.save_pretrained(tmp_path / "saved")
    assert write_weights(model, tmp_path / "sent") == "model"
    saved, sent = (dict(read_weights(tmp_path / name)) for name in ("saved", "sent"))
    assert saved.keys() == sent.keys()
    assert all(torch.equal(saved[name], sent[name]) for name in saved)
    assert adapter_rank(tmp_path / "sent") is None


def test_a_folder_is_written_anew_and_without_leftovers(model: PreTrainedModel, tmp_path: Path) -> None:
    write_weights(model, tmp_path / "w")
    (tmp_path / "w" / "old.safetensors").write_bytes(b"")
    write_weights(model, tmp_path / "w")
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["model-00000.safetensors"]


def test_large_weights_go_in_several_files(
    model: PreTrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl.rollouts.weights.FILE_BYTES", 50_000)
    write_weights(model, tmp_path / "w")
    assert len(list((tmp_path / "w").iterdir())) > 2
    assert dict(read_weights(tmp_path / "w")).keys() == checkpoint_tensors(model).keys()


def test_an_adapter_goes_alone(model: PreTrainedModel, tmp_path: Path) -> None:
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"]))
    assert write_weights(adapted, tmp_path / "w") == "adapter"
    assert adapter_rank(tmp_path / "w") == 4
    assert all("lora" in name for name in dict(read_weights(tmp_path / "w")))
    assert {path.name for path in (tmp_path / "w").iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}


def test_a_folder_without_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no"):
        list(read_weights(tmp_path))


class Copy(TransformersEngine):
    """An engine with weights of its own, which may not arrive, or arrive `off` by some nats."""

    def __init__(self, model: PreTrainedModel, off: float = 0.0, dtype: str = "float32") -> None:
        super().__init__(model)
        self.off, self.dtype = off, dtype

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        done = super().generate(asks)
        return [replace(c, logprobs=tuple(value - self.off for value in c.logprobs)) for c in done]

    def health(self) -> Any:
        return replace(super().health(), dtype=self.dtype)

    def copies(self) -> Any:
        return (self,)


def run_check(engine: Any, model: PreTrainedModel, half: bool = False) -> None:
    WeightCheck(1, half)(engine, lambda: nullcontext(model), [[1, 5, 6], [1, 9]], [2], step=4)


@pytest.mark.parametrize(
    ("off", "dtype", "half", "passes"),
    [
        (5e-5, "float32", False, True),
        (5e-4, "float32", False, False),
        (5e-4, "float32", True, True),
        (1e-2, "bfloat16", False, True),
        (1e-1, "bfloat16", True, False),
        (float("nan"), "bfloat16", True, False),
    ],
)
def test_log_probs_may_differ_by_rounding_and_no_more(
    off: float, dtype: str, half: bool, passes: bool, model: PreTrainedModel
) -> None:
    if passes:
        run_check(Copy(model, off, dtype), model, half)
    else:
        with pytest.raises(UserError, match="step 4: the weights did not arrive"):
            run_check(Copy(model, off, dtype), model, half)


def test_an_engine_with_other_weights_is_found_out(model: PreTrainedModel) -> None:
    other = LlamaForCausalLM(model.config)
    assert model.training is False
    with pytest.raises(UserError, match="or set rollouts"):
        run_check(Copy(other), model.train())
    assert model.training


def test_an_engine_on_the_trainers_own_model_is_not_asked(model: PreTrainedModel) -> None:
    assert TransformersEngine(model).copies() == ()
    run_check(TransformersEngine(model), model)


def test_completions_of_the_transformers_engine_name_the_weights_too(model: PreTrainedModel) -> None:
    engine = TransformersEngine()
    with pytest.raises(RuntimeError, match="load_weights comes before"):
        engine.generate(Ask.each([[1]], [2], Sampling(), eos_ids=[], seeds=[0]))
    engine.load_weights(lambda: nullcontext(model), 12)
    (done,) = engine.generate(Ask.each([[1]], [2], Sampling(), eos_ids=[], seeds=[0]))
    assert done.weight_version == engine.health().version == 12


def test_a_mixture_of_experts_in_half_precision_may_be_further_apart() -> None:
    dense = AutoConfig.for_model("qwen3")
    experts = AutoConfig.for_model("qwen3_moe")
    mixed = AutoConfig.for_model("mixtral")
    assert [has_experts(SimpleNamespace(config=c)) for c in (dense, experts, mixed)] == [False, True, True]
    assert tolerance(half=False, experts=True) == tolerance(half=False, experts=False) == 1e-4
    assert tolerance(half=True, experts=False) < tolerance(half=True, experts=True) < 1.0
