"""What we rely on inside TRL 1.16. A failure here says what an upgrade changed."""

import inspect
from importlib.metadata import version

import pytest
import torch
from transformers import PreTrainedTokenizerBase
from trl import GRPOTrainer
from trl.models import unwrap_model_for_generation

from rewards import Problem
from rl.evaluation import encode_prompts, end_ids
from rl.trainer import LengthGRPOTrainer

SIGNATURES = {
    "_generate_and_score_completions": ["self", "inputs"],
    "_generate": ["self", "prompts"],
    "_generate_single_turn": [
        "self", "prompt_ids", "images", "multimodal_fields", "num_generations", "has_tool_images",
    ],
    "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
    "_tokenize_prompts": ["self", "prompts"],
    "_save_checkpoint": ["self", "model", "trial"],
    "_load_optimizer_and_scheduler": ["self", "checkpoint"],
}  # fmt: skip


def test_the_version_is_the_one_this_was_read_from() -> None:
    assert version("trl").startswith("1.16."), "read the new TRL against tests/rl/test_trl_contract.py first"


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_methods_we_override_or_call_have_their_signatures(name: str) -> None:
    assert list(inspect.signature(getattr(GRPOTrainer, name)).parameters) == SIGNATURES[name]


def test_the_round_goes_through_the_methods_we_override() -> None:
    source = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert "self._generate(prompts)" in source
    assert "self._calculate_rewards(" in source
    assert "self._generate_single_turn(" in inspect.getsource(GRPOTrainer._generate)
    assert "self._generate_and_score_completions(generation_batch)" in inspect.getsource(GRPOTrainer._prepare_inputs)


def test_unwrapping_for_generation_takes_the_arguments_we_pass() -> None:
    accepted = inspect.signature(unwrap_model_for_generation).parameters
    assert {"gather_deepspeed3_params", "gradient_checkpointing_kwargs"} <= set(accepted)


def test_the_trainer_has_the_attributes_we_read(make_trainer) -> None:  # type: ignore[no-untyped-def]
    trainer: LengthGRPOTrainer = make_trainer()
    for name in ("eos_token_ids", "reward_weights", "num_generations", "temperature", "top_p", "top_k", "min_p"):
        assert hasattr(trainer, name), f"GRPOTrainer lost {name}"
    assert trainer._logs["advantages"].maxlen == trainer.args.generation_batch_size
    assert trainer._metrics["train"] == {}
    assert torch.equal(trainer.reward_weights, torch.ones(1))


def test_evaluation_encodes_prompts_as_the_trainer_does(
    make_trainer,
    tokenizer: PreTrainedTokenizerBase,
    problems: list[Problem],  # type: ignore[no-untyped-def]
) -> None:
    trainer: LengthGRPOTrainer = make_trainer()
    assert trainer._tokenize_prompts([p.prompt for p in problems])[0] == encode_prompts(tokenizer, problems)
    assert trainer.eos_token_ids == end_ids(trainer.model, tokenizer)
