"""What answers before and after training."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from rl.rollouts import Engine
from rl.run.engines import answering
from rl.run.prepare import Prepared
from rl.run.train import train

FEW = (
    "trainer.max_steps=1", "trainer.num_generations=4", "trainer.per_device_train_batch_size=8",
    "data.train.options.n=16", "data.eval.options.n=4", "budget.tokens=20", "evaluation.budget=20",
)  # fmt: skip


def test_models_of_the_dtype_that_training_computes_in_answer_before_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, set[torch.dtype]]] = []

    def seen(prepared: Prepared, model: PreTrainedModel, *more: Any) -> Engine:
        asked.append((type(model).__name__, {parameter.dtype for parameter in model.parameters()}))
        return answering(prepared, model, *more)

    monkeypatch.setattr("rl.run.train.answering", seen)
    train("demo-dler", [*FEW, "trainer.bf16=true"], tmp_path / "run", quiet=True)
    assert asked == [("LlamaForCausalLM", {torch.bfloat16})] * 2
