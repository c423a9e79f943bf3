"""Packed updates against TRL's own loop, on the same rollouts in the same updates, parameter by parameter.

Where an update is not the first of its round its importance ratios are differences of rounded log-probs, so those
comparisons hold the weights in double precision; all within 1e-5 of the gradient's length.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fixed_rounds import SETTINGS, assert_same, fixed_round, gradients, stale_round
from makers import parameters
from peft import LoraConfig
from slowly import some

from rewards import Problem
from rl.errors import UserError
from rl.folders import checkpoints
from rl.recipe.config import LengthGRPOConfig
from rl.trainer.trainer import LengthGRPOTrainer
from rl.updates.metrics import join
from rl.updates.packed_round import Update
from rl.updates.packing import MicroBatch

LOSSES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]
ONE_UPDATE = {"gradient_accumulation_steps": 8, "max_steps": 1}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_the_plain_loops_for_every_loss(compare: Any, loss: str) -> None:
    compare(loss_type=loss)


@pytest.mark.parametrize("loss", some(LOSSES, ["dapo"]))
def test_so_it_is_in_single_precision(compare: Any, loss: str) -> None:
    compare(loss_type=loss, double=False, **ONE_UPDATE)


@pytest.mark.parametrize("loss", some(LOSSES, ["grpo", "dapo", "sapo"]))
def test_so_it_is_with_a_reference_model_which_keeps_every_rollout(compare: Any, loss: str) -> None:
    packed, _ = compare(loss_type=loss, beta=0.04)
    assert all(sum(len(b.rows) for slot in u.slots for b in slot) == 16 for u in packed.updates.round.updates)


@pytest.mark.parametrize(("loss", "beta"), [("grpo", 0.0), ("dapo", 0.04), ("bnpo", 0.0)])
def test_so_it_is_with_lora(compare: Any, loss: str, beta: float) -> None:
    lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    compare(loss_type=loss, beta=beta, lora=lora)


@pytest.mark.parametrize(
    "settings",
    [
        {"importance_sampling_level": "sequence", "loss_type": "grpo"},
        pytest.param({"importance_sampling_level": "sequence", "loss_type": "luspo"}, marks=pytest.mark.slow),
        {"num_iterations": 2, "max_steps": 4},
        pytest.param({"num_iterations": 2, "max_steps": 2, "gradient_accumulation_steps": 8}, marks=pytest.mark.slow),
        pytest.param({"mask_truncated_completions": True}, marks=pytest.mark.slow),
        {"mask_truncated_completions": True, "loss_type": "grpo", "beta": 0.04},
        {"mask_truncated_completions": True, "loss_type": "bnpo"},
        {"off_policy_mask_threshold": 0.001, "delta": 1.5, "epsilon": 0.001, "epsilon_high": 0.002},
        pytest.param({"entropy_coef": 0.01}, marks=pytest.mark.slow),
        pytest.param({"entropy_coef": 0.01, "loss_type": "grpo"}, marks=pytest.mark.slow),
        {"entropy_coef": 0.01, "loss_type": "bnpo"},
        {"gradient_checkpointing": True, "pad_to_multiple_of": 8},
    ],
    ids=str,
)
def test_so_it_is_with_the_rest_of_trls_settings(compare: Any, settings: dict[str, Any]) -> None:
    compare(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        *some(({"loss_type": loss} for loss in LOSSES), [{"loss_type": loss} for loss in ("dapo", "bnpo", "vespo")]),
        *({"vllm_importance_sampling_mode": mode} for mode in ("token_mask", "sequence_mask", "sequence_truncate")),
        {"loss_type": "grpo", "beta": 0.04, "off_policy_mask_threshold": 0.5, "vllm_importance_sampling_clip_min": 0.1},
        {"mask_truncated_completions": True, "pad_to_multiple_of": 8},
        {"gradient_accumulation_steps": 8, "max_steps": 1},
    ],
    ids=str,
)
def test_so_it_is_where_rollouts_of_other_weights_are_corrected_for(compare: Any, settings: dict[str, Any]) -> None:
    # VESPO takes sums of ratios, which are of single-precision log-probs, to the third power.
    relative = 1e-4 if settings.get("loss_type") == "vespo" else 1e-5
    packed, plain = compare(fixed=stale_round, relative=relative, correct_rollouts=True, **settings)
    for ours, theirs in zip(packed.state.log_history, plain.state.log_history, strict=True):
        if "sampling/importance_sampling_ratio/max" in theirs:
            # Rollouts without gradient are not taken through the model, so packed knows no ratio of theirs.
            assert (
                0 < ours["sampling/importance_sampling_ratio/max"] <= theirs["sampling/importance_sampling_ratio/max"]
            )


def test_the_correction_changes_the_gradient(make_trainer: Any, problems: list[Problem]) -> None:
    def run(corrects: bool) -> Any:
        trainer = make_trainer(**SETTINGS, tokens_per_micro_batch=150, correct_rollouts=corrects)
        return gradients(trainer, problems, stale_round)

    with pytest.raises(AssertionError):
        assert_same(run(True), run(False), relative=0.1)


@pytest.mark.parametrize("tokens", [1, 100_000])
def test_so_it_is_whatever_a_micro_batch_may_hold(compare: Any, tokens: int) -> None:
    compare(tokens=tokens, loss_type="bnpo" if tokens == 1 else "dapo")


def test_rollouts_without_gradient_never_reach_the_model(
    make_trainer: Any, problems: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(**SETTINGS, tokens_per_micro_batch=150)
    seen: list[torch.Tensor] = []
    forward = trainer.model.forward
    trainer.model.forward = lambda **inputs: (seen.append(inputs["attention_mask"]), forward(**inputs))[1]
    gradients(trainer, problems)
    round_ = fixed_round(problems)
    kept = [r for r, a in zip(round_.rollouts(), round_.advantages, strict=True) if a]
    prompts = {p.id: len(trainer._tokenize_prompts([p.prompt])[0][0]) for p in problems}
    real = sum(prompts[r.problem_id] + r.length for r in kept)
    # Once for the log-probs of two updates a round, once to train.
    assert 0 < len(kept) < 32
    assert sum(int(mask.sum()) for mask in seen) == 2 * real
    assert all(mask.numel() <= 150 or mask.size(0) == 1 for mask in seen)


def test_what_is_logged_an_update_is_over_its_tokens(compare: Any) -> None:
    packed, plain = compare(beta=0.04, epsilon=0.001, learning_rate=1e-3, gradient_accumulation_steps=4)
    for ours, theirs in zip(packed.state.log_history, plain.state.log_history, strict=True):
        assert set(theirs) <= set(ours)
        for name in ("loss", "grad_norm"):
            if name in theirs:
                assert ours[name] == pytest.approx(theirs[name], rel=1e-4)
    first, second = packed.state.log_history[:2]
    assert first["packing/left"] == 0.0
    assert 0 < first["packing/padding"] < 0.5
    assert "packing/left" not in second
    assert second["kl"] > 0
    assert 0 < second["clip_ratio/region_mean"] < 1


def test_clip_ratios_count_a_rollout_that_left_as_not_clipped() -> None:
    tokens = [10, 20, 70]
    all_stay = Update([0, 1], [[MicroBatch((0,))], [MicroBatch((1,))]], [{"loss_scale": 0.5}, {"loss_scale": 0.25}])
    one_left = Update([0, 1, 2], all_stay.slots, all_stay.batches)
    for name, by_sequence, update, expected in [
        ("entropy", False, one_left, 3.0),  # (1 x 10 + 4 x 20) / 30
        ("clip_ratio/low_mean", False, one_left, 0.9),  # (1 x 10 + 4 x 20) / 100
        ("clip_ratio/low_mean", False, all_stay, 3.0),
        ("clip_ratio/low_mean", True, one_left, 5 / 3),
        ("vespo/phi_seq_mean", False, one_left, 2.5),
        ("clip_ratio/low_min", False, one_left, 0.0),
        ("clip_ratio/low_min", False, all_stay, 1.0),
        ("clip_ratio/high_max", False, one_left, 4.0),
        ("policy_loss", False, one_left, 0.75),  # (1 x 0.5 + 4 x 0.25) / 2
    ]:
        metrics = {name: [7.0, 1.0, 4.0], "rewards/correct/mean": [0.5], "step_time": [3.0, 2.0]}
        join(metrics, {name: 1}, update, tokens, 0, 2, by_sequence)
        assert metrics == {
            name: [7.0, pytest.approx(expected)], "rewards/correct/mean": [0.5], "step_time": [3.0, 2.0]
        }, name  # fmt: skip


def test_a_metric_of_nothing_is_nan() -> None:
    nobody = Update([0], [[MicroBatch(())]], [{}])
    metrics = {"entropy": [0.0], "clip_ratio/high_max": [0.0]}
    join(metrics, {}, nobody, [0], 0, 1, False)
    assert math.isnan(metrics["entropy"][0])
    assert metrics["clip_ratio/high_max"] == [0.0]


LORA = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)


@pytest.mark.parametrize(
    ("told", "settings"),
    [
        *((told, more) for told in (True, False) for more in ({}, {"beta": 0.04, "loss_type": "grpo"})),
        (True, {"loss_type": "bnpo"}),
        (True, {"lora": True, "num_iterations": 2}),
        (True, {"sequence_chunk": 13}),
    ],
    ids=str,
)
def test_without_padding_the_gradient_is_the_same(
    make_trainer: Any, problems: list[Problem], settings: dict[str, Any], told: bool
) -> None:
    given = dict(settings)
    lora = LORA if given.pop("lora", False) else None

    # What kernels do on a GPU: row by row as varlen_attn, or by masked attention over the same row as flash attention.
    def run(padded: bool) -> Any:
        trainer = make_trainer(**{**SETTINGS, **given}, tokens_per_micro_batch=150, peft_config=lora)
        packer = trainer.updates.packer
        trainer.updates.packer = replace(packer, padded=padded, shares=told and not padded)
        for model in filter(None, (trainer.model, trainer.ref_model)):
            model.double()
            if not told:
                (model.get_base_model() if lora else model).set_attn_implementation("sdpa")
        seen: list[Any] = []
        forward = trainer.model.forward
        trainer.model.forward = lambda **inputs: (seen.append(inputs), forward(**inputs))[1]
        found = gradients(trainer, problems)
        assert all(("position_ids" in inputs) != padded for inputs in seen)
        by_places = told and not padded and "sequence_chunk" not in settings
        assert any("key_places" in inputs for inputs in seen) == by_places
        assert all(inputs["input_ids"].size(0) == 1 for inputs in seen if not padded)
        assert max(inputs["input_ids"].numel() for inputs in seen) <= 150
        assert (trainer.state.log_history[0]["packing/shared"] > 0) == (told and not padded)
        return found

    assert_same(run(False), run(True))


def test_prompts_are_shared_where_that_halves_the_tokens(make_trainer: Any, problems: list[Problem]) -> None:
    # 4 rollouts a group: p + 4 c + 3 tokens are no more than half of 4 (p + c) where 2 c + 3 <= p.
    def shared(longest: int, parameters: int = 0) -> float:
        trainer = make_trainer(**{**SETTINGS, **ONE_UPDATE}, tokens_per_micro_batch=150)
        trainer.updates.packer = replace(trainer.updates.packer, parameters=parameters)
        gradients(trainer, problems, lambda problems, step: fixed_round(problems, step, longest))
        return float(trainer.state.log_history[0]["packing/shared"])

    assert shared(48) == 0
    assert shared(3) > 0.5
    assert 0 < shared(48, parameters=135_000_000) < 0.5  # of larger models wherever that saves any


@pytest.mark.parametrize("steps", [(1, 8), (2, 4), (8, 1)])
def test_the_size_of_a_micro_batch_is_without_effect(
    make_trainer: Any, problems: list[Problem], steps: tuple[int, int]
) -> None:
    def run(size: int, accumulation: int, **more: Any) -> Any:
        settings = {**SETTINGS, "per_device_train_batch_size": size, "gradient_accumulation_steps": accumulation}
        settings["steps_per_generation"] = 32 // size
        trainer = make_trainer(**settings, loss_type="grpo", tokens_per_micro_batch=150, **more)
        trainer.model.double()
        return gradients(trainer, problems)

    assert_same(run(*steps), run(4, 2), relative=1e-9)


def test_an_update_without_any_gradient_is_still_a_step_with_zero_gradient(
    make_trainer: Any, problems: list[Problem]
) -> None:
    def flat(problems: list[Problem], step: int) -> Any:
        round_ = fixed_round(problems, step)
        round_.advantages.zero_()
        return round_

    trainer = make_trainer(**{**SETTINGS, "optim": "adamw_torch"}, tokens_per_micro_batch=150)
    for gradient in gradients(trainer, problems, flat):
        assert gradient
        assert all(not values.any() for values in gradient.values())
    assert trainer.state.global_step == 2


def test_a_packed_run_resumes_as_if_never_stopped(make_trainer: Any, tmp_path: Path) -> None:
    def run(steps: int, folder: str, resume: str | None = None) -> LengthGRPOTrainer:
        trainer: LengthGRPOTrainer = make_trainer(
            dynamic_sampling=True, max_steps=steps, save_strategy="steps", save_steps=2, tokens_per_micro_batch=200,
            output_dir=str(tmp_path / folder), per_device_train_batch_size=4, gradient_accumulation_steps=2,
            steps_per_generation=4,
        )  # fmt: skip
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    unbroken = run(4, "unbroken")
    run(2, "broken")
    resumed = run(4, "broken", str(checkpoints.latest(tmp_path / "broken")))
    assert torch.equal(parameters(resumed), parameters(unbroken))
    assert unbroken.state.log_history[0]["packing/micro_batches"] > 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_entropy_quantile": 0.2}, "does not go with top_entropy_quantile below 1"),
        ({"use_adaptive_entropy": True}, "does not go with use_adaptive_entropy"),
        ({"steps_per_generation": 2, "gradient_accumulation_steps": 4, "num_iterations": 2}, "no multiple of"),
        ({"tokens_per_micro_batch": 0}, "must be at least 1, not 0"),
    ],
)
def test_what_could_not_be_exact_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LengthGRPOConfig(
            "unused",
            **{"tokens_per_micro_batch": 100, "num_generations": 4, "use_cpu": True, "bf16": False, **settings},
        )
