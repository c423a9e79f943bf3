"""Packed updates against TRL's own loop, on the same rollouts in the same updates."""

from dataclasses import replace
from typing import Any

import pytest
from fixed_rounds import SETTINGS, assert_same, fixed_round, gradients, shuffle_as_packed
from peft import LoraConfig

from rewards import Problem
from rl.trainer.trainer import LengthGRPOTrainer


@pytest.fixture
def compare(make_trainer: Any, problems: list[Problem], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Train packed and plain with the same settings; their gradients must be the same. `packing`: of the packer."""

    def run(
        tokens: int = 150,
        lora: LoraConfig | None = None,
        double: bool = True,
        fixed: Any = fixed_round,
        relative: float = 1e-5,
        packing: dict[str, Any] | None = None,
        **settings: Any,
    ) -> tuple[LengthGRPOTrainer, LengthGRPOTrainer]:
        def train(**more: Any) -> tuple[LengthGRPOTrainer, Any]:
            trainer = make_trainer(**{**SETTINGS, **settings, **more}, peft_config=lora)
            for model in (trainer.model, trainer.ref_model):
                if double and model is not None:
                    model.double()
            shuffle_as_packed(monkeypatch, trainer)
            if "tokens_per_micro_batch" in more:
                trainer.updates.packer = replace(trainer.updates.packer, **packing or {})
            return trainer, gradients(trainer, problems, fixed)

        packed, ours = train(tokens_per_micro_batch=tokens)
        plain, theirs = train()
        assert_same(ours, theirs, relative)
        return packed, plain

    return run
