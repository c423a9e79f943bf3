"""Runs whose numbers are none: ended in one line, before a checkpoint holds them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rl.cli import run_command
from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.recipe.files import load_recipe
from rl.rollouts.ask import Ask, NotFinite, Sampling
from rl.rollouts.transformers import generate
from rl.trainer.divergence import Diverged, not_finite, spoiled

SMALL = [
    "trainer.max_steps=6", "trainer.save_steps=2", "trainer.logging_steps=1", "trainer.per_device_train_batch_size=8",
    "trainer.num_generations=4", "data.train.options.n=24", "data.eval=null", "budget.tokens=40", "verifier.workers=1",
]  # fmt: skip


@pytest.mark.parametrize("packed", [None, 512])
def test_a_loss_that_is_no_number_ends_training_before_the_weights_have_it(
    packed: int | None, make_trainer: Any, tmp_path: Path
) -> None:
    trainer = make_trainer(
        max_steps=4, save_strategy="steps", save_steps=2, tokens_per_micro_batch=packed, max_grad_norm=0.0
    )
    compute = trainer._compute_loss
    trainer._compute_loss = lambda model, inputs: (
        compute(model, inputs) * (math.nan if trainer.state.global_step == 2 else 1.0)
    )
    with pytest.raises(Diverged, match=r"diverged at step 3: loss is nan") as error:
        trainer.train()
    assert (error.value.step, error.value.metric) == (3, "loss")
    assert [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")] == ["checkpoint-2"]
    assert not_finite(trainer.model) is None


def test_a_gradient_that_is_no_number_ends_training_before_the_weights_have_it(make_trainer: Any) -> None:
    trainer = make_trainer(max_steps=2)
    next(trainer.model.parameters()).register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(Diverged, match=r"diverged at step 1: grad_norm is (nan|inf)"):
        trainer.train()
    assert not_finite(trainer.model) is None


def test_weights_that_are_no_numbers_are_seen_before_a_checkpoint_is_written(make_trainer: Any, tmp_path: Path) -> None:
    trainer = make_trainer(max_steps=4, save_strategy="steps", save_steps=2, learning_rate=1e39, max_grad_norm=1.0)
    with pytest.raises(Diverged, match=r"diverged at step 1: weights is not finite in model\."):
        trainer.train()
    assert not (tmp_path / "checkpoints").exists() or checkpoints.latest(tmp_path / "checkpoints") is None


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_nothing_is_sampled_from_logits_that_are_no_numbers(temperature: float, model: Any) -> None:
    torch.nn.init.constant_(model.model.norm.weight, math.inf)
    with pytest.raises(NotFinite, match="logits are not finite"):
        generate(model, [Ask((5, 6), 4, 1, Sampling(temperature))] * 2, 2)


def test_a_diverged_run_says_so_keeps_what_was_good_and_goes_on_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, command = (
        RunFolder(tmp_path / "run"),
        ["train", "demo-dler", *SMALL, "--quiet", "--out", str(tmp_path / "run")],
    )

    def code() -> object:
        with pytest.raises(SystemExit) as stop:
            run_command(command)
        return stop.value.code

    from rl.trainer.divergence import Divergence

    with monkeypatch.context() as patch:
        seen = Divergence.see_gradient

        def spoil(self: Divergence, norm: Any) -> None:
            seen(self, math.nan if self.trainer.state.global_step == 4 else norm)

        patch.setattr(Divergence, "see_gradient", spoil)
        assert code() == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "the run diverged at step 5: grad_norm is nan" in line
    assert "checkpoint-4" in line
    said = json.loads(run.summary.read_text())
    assert (said["diverged"]["step"], said["diverged"]["metric"], said["steps"]) == (5, "grad_norm", 4)
    assert run.status(load_recipe("demo-dler", SMALL)) == "unfinished"
    assert any("diverged at step 5" in alarm for alarm in run.alarms_said())
    assert not run.final.exists()

    # A checkpoint that an earlier version kept although its weights were none is passed over.
    weights = run.checkpoints / "checkpoint-4" / "model.safetensors"
    tensors = load_file(weights)
    name = sorted(tensors)[0]
    tensors[name] = torch.full_like(tensors[name], math.nan)
    save_file(tensors, weights, {"format": "pt"})
    checkpoints.write(weights.parent, checkpoints.read(weights.parent))
    assert checkpoints.fault(weights.parent) is None
    assert name in str(spoiled(weights.parent))
    assert code() == 0
    assert f"goes on from checkpoint-2; skipped checkpoint-4 (its weights are not finite in {name})" in (
        capsys.readouterr().err
    )
    assert json.loads(run.summary.read_text())["steps"] == 6
    assert not any("diverged" in alarm for alarm in run.alarms_said())
