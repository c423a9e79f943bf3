"""A recipe trained with vLLM in the trainer's process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rl.cli import run_command
from rl.errors import UserError
from rl.run.train import train

FEW = (
    "rollouts.engine=vllm",
    "trainer.max_steps=4",
    "trainer.per_device_train_batch_size=16",
    "trainer.num_generations=4",
    "data.train.options.n=64",
    "data.eval=null",
)


def test_the_dler_recipe_trains_and_each_rollout_names_its_weights(tmp_path: Path) -> None:
    run = train("demo-dler", FEW, tmp_path / "run", quiet=True)
    rounds = [pq.read_table(path).to_pylist() for path in sorted(run.rollouts.glob("*.parquet"))]
    assert len(rounds) == 2
    for rows in rounds:
        assert {row["weight_version"] for row in rows} <= {0, rows[0]["step"]}
        assert all(len(row["token_ids"]) == row["length"] <= row["budget"] == 80 for row in rows)
    assert rounds[1][-1]["weight_version"] == rounds[1][-1]["step"] == 2
    assert run.summary.is_file()


def test_an_adapter_trains_and_its_folder_is_evaluated_with_vllm_too(tmp_path: Path) -> None:
    few = [*FEW, "rollouts.check_every=1", "trainer.learning_rate=1e-2"]
    run = train("demo-dler-lora", few, tmp_path / "run", quiet=True)
    answers = {}
    for engine in ("transformers", "vllm"):
        out = tmp_path / f"{engine}.parquet"
        words = ["--model", str(run.final), "--data", "demo", "--limit", "8", "--cap", "24", "--temperature", "0"]
        with pytest.raises(SystemExit) as stop:
            run_command(["evaluate", *words, "--engine", engine, "--out", str(out)])
        assert not stop.value.code
        answers[engine] = [row["token_ids"] for row in pq.read_table(out).to_pylist()]
    assert answers["vllm"] == answers["transformers"]


def test_stages_each_start_an_engine_after_the_one_before_has_ended(tmp_path: Path) -> None:
    stages = "stages=[{name: one, budget: {name: constant, tokens: 40}}, {name: two}]"
    run = train("demo-dler", [*FEW, "trainer.max_steps=2", stages], tmp_path / "run", quiet=True)
    assert run.final.exists()


def test_weights_that_do_not_arrive_end_the_run_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    worker: Any = import_module("rl.rollouts.vllm.worker")
    monkeypatch.setattr(worker.WeightWorker, "take_tensors", lambda self, named: None)
    with pytest.raises(UserError, match=r"^step 0: the weights did not arrive in the rollout engine: .* nats a token"):
        train("demo-dler", FEW, tmp_path / "run", quiet=True)


def test_a_prompt_and_budget_that_do_not_fit_are_refused_before_vllm_starts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"need \d+ tokens, and rollouts.vllm.max_model_len has 100; .* or raise it"):
        train("demo-dler", [*FEW, "rollouts.vllm.max_model_len=100"], tmp_path / "run", quiet=True)
    with pytest.raises(UserError, match=r"the largest budget \(100000\) need \d+ tokens, and the model has \d+"):
        train("demo-dler", [*FEW, "budget.tokens=100000"], tmp_path / "other", quiet=True)


def test_settings_that_need_cuda_say_so(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("CUDA is there")
    with pytest.raises(UserError, match="sleep needs CUDA"):
        train("demo-dler", [*FEW, "rollouts.vllm.sleep=2"], tmp_path / "run", quiet=True)
    with pytest.raises(UserError, match="tensor_parallel_size 2 does not divide the launch's 1 ranks"):
        train("demo-dler", [*FEW, "rollouts.vllm.tensor_parallel_size=2"], tmp_path / "other", quiet=True)
