"""Engines of other kinds, one after the other: half precision, an adapter, and one that takes no weights."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rl.errors import UserError
from rl.recipe.rollout_parts import VllmPart
from rl.rollouts.check import HALF_TOLERANCE, WeightCheck, distance


def test_bfloat16_agrees_with_the_float32_trainer_within_rounding(
    engine_of: Any, model: Any, prompts: Any, eos: Any, perturb: Any, lend: Any
) -> None:
    with engine_of("bfloat16") as engine:
        for version in range(3):
            engine.load_weights(lend(model), version)
            assert distance(engine, lend(model), prompts, eos, 16) <= HALF_TOLERANCE
            WeightCheck(1, half=False)(engine, lend(model), prompts, eos, version)
            perturb(model)
        assert distance(engine, lend(model), prompts, eos, 16) > HALF_TOLERANCE


def test_a_long_prompt_is_computed_in_pieces_on_cuda_and_whole_on_a_cpu(
    tokenizer: Any, eos: Any, lend: Any, tmp_path: Path
) -> None:
    from rl.rollouts.vllm.engine import VllmEngine

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=10_000,
        eos_token_id=eos[0],
    )
    model = LlamaForCausalLM(config)
    config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    engine = VllmEngine(str(tmp_path), VllmPart(), 9_008, "float32")
    try:
        scheduler = engine._llm.llm_engine.vllm_config.scheduler_config
        assert scheduler.enable_chunked_prefill == torch.cuda.is_available()
        engine.load_weights(lend(model), 0)
        prompt = [place % len(tokenizer) for place in range(9_000)]
        others = [[(place * step) % len(tokenizer) for place in range(3_000)] for step in (3, 5, 7)]
        assert distance(engine, lend(model), [prompt, *others, prompt], eos, 8) <= 1e-4
    finally:
        engine.close()


def test_packed_weights_that_take_nothing_in_stop_the_run_at_the_first_step(
    engine_of: Any, model: Any, prompts: Any, eos: Any, lend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM's own way with float32 on a CPU: `load_weights` returns, and nothing has changed."""
    import_module("rl.rollouts.vllm.worker")  # switches packing off, once; back on with it
    from vllm import _custom_ops

    monkeypatch.setattr(_custom_ops, "_supports_onednn", True)
    with engine_of() as engine:
        engine.load_weights(lend(model), 0)
        with pytest.raises(UserError, match="step 0: the weights did not arrive in the rollout engine"):
            WeightCheck(1, half=False)(engine, lend(model), prompts, eos, 0)


def test_an_adapter_is_synced_as_an_adapter(
    engine_of: Any, model: Any, prompts: Any, eos: Any, perturb: Any, lend: Any
) -> None:
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"]))
    with engine_of(adapter_rank=4) as engine:
        for version in range(3):
            engine.load_weights(lend(adapted), version)
            assert distance(engine, lend(adapted), prompts, eos, 16) <= 1e-4
            perturb(adapted)
        assert distance(engine, lend(adapted), prompts, eos, 16) > 1e-2
