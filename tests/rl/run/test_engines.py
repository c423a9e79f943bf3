"""Engines of a run: how long workers may load, and what answers held-out problems."""

from pathlib import Path

import pytest
import torch

from rl.evaluation.engines import free_share
from rl.recipe.files import load_recipe
from rl.rollouts import TransformersEngine
from rl.run.engines import answering, answers_by, load_seconds
from rl.run.prepare import prepare


def test_workers_may_load_the_longer_the_larger_the_model_and_the_more_they_are() -> None:
    seven, thirty_two = 15.2e9, 65.5e9
    assert load_seconds(1e6, 1) == pytest.approx(300, abs=1)
    # By uploads at 0.4 GB/s, one after the other, and room for a disk of half that.
    assert load_seconds(seven, 8) > 2 * 8 * seven / 0.4e9
    assert load_seconds(thirty_two, 8) > 2 * 8 * thirty_two / 0.4e9


def test_held_out_problems_are_answered_by_the_engine_of_the_rollouts_on_cuda_and_by_transformers_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(load_recipe("demo-grpo", ["rollouts.engine=vllm"]), tmp_path)
    assert answers_by(prepared) == "transformers"
    made = answering(prepared, None, prepared.model, 4, 9)  # type: ignore[arg-type]
    assert isinstance(made, TransformersEngine)
    asked = []
    monkeypatch.setattr("rl.run.engines.torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("rl.evaluation.engines.require_vllm", lambda asked: None)
    monkeypatch.setattr("rl.run.engines.engine_of", lambda *given: asked.append(given))
    assert answers_by(prepared) == "vllm"
    answering(prepared, torch.nn.Linear(1, 1), "the/model", 4, 9)  # type: ignore[arg-type]
    ((_, path, choice, longest),) = asked
    assert (path, choice.name, choice.batch_size, longest) == ("the/model", "vllm", 4, 9)


def test_workers_that_take_an_adapter_answer_no_held_out_problems_of_the_whole_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = ["rollouts.engine=workers", "rollouts.workers=[http://127.0.0.1:1]"]
    whole, adapted = (prepare(load_recipe("demo-grpo", [*workers, *more]), tmp_path) for more in ([], ["lora.rank=4"]))
    monkeypatch.setattr("rl.run.engines.torch.cuda.is_available", lambda: True)
    assert [answers_by(whole), answers_by(adapted)] == ["workers", "transformers"]


def test_vllm_takes_what_lies_free_beside_the_model_that_it_is_to_answer_as(monkeypatch: pytest.MonkeyPatch) -> None:
    for free, share in ((79.0, 0.85), (60.0, 0.72), (0.0, 0.03)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda free=free: (free, 80.0))
        assert free_share() == pytest.approx(share)
