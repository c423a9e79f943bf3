"""Rollouts of which some tokens are not in the loss, or have advantages of their own."""

from typing import Any

import pytest
import torch
from fixed_rounds import (
    SETTINGS,
    assert_same,
    both_round,
    credited_round,
    fixed_round,
    gradients,
    masked_round,
    stale_both_round,
)
from peft import LoraConfig
from slowly import some

from rewards import Problem
from rl.rounds.round import Round
from rl.trainer.telling import credit_metrics
from rl.updates.by_token import advantages, trained
from rl.updates.packed_round import Example

LOSSES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]
TABLE = [
    (loss, fixed)
    for loss in LOSSES
    for fixed in (masked_round, credited_round, both_round)
    if loss != "vespo" or fixed is masked_round
]
SHORT = [(loss, masked_round if loss == "vespo" else both_round) for loss in LOSSES]
SHARED = {"padded": False, "shares": True}
SEQUENCE = {"importance_sampling_level": "sequence"}
LORA = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)


@pytest.mark.parametrize("case", some(TABLE, SHORT), ids=lambda case: f"{case[0]}-{case[1].__name__}")
def test_the_packed_gradient_is_the_plain_loops_for_every_loss(compare: Any, case: tuple[str, Any]) -> None:
    loss, fixed = case
    compare(loss_type=loss, fixed=fixed)


@pytest.mark.parametrize(
    "settings",
    [
        {"packing": SHARED, "beta": 0.04},
        {"packing": SHARED, "sequence_chunk": 13},
        {"lora": LORA, "beta": 0.04, "loss_type": "grpo"},
        {"mask_truncated_completions": True, "loss_type": "bnpo", "entropy_coef": 0.01},
        {"off_policy_mask_threshold": 0.001, "num_iterations": 2, "max_steps": 4},
        {"fixed": stale_both_round, "correct_rollouts": True, "off_policy_mask_threshold": 0.5},
        {"fixed": masked_round, "loss_type": "luspo", **SEQUENCE},
        *some(
            [
                {"fixed": masked_round, "loss_type": "grpo", **SEQUENCE},
                {"fixed": stale_both_round, "correct_rollouts": True, "vllm_importance_sampling_mode": "sequence_mask"},
                {"double": False, "gradient_accumulation_steps": 8, "max_steps": 1},
            ],
            [],
        ),
    ],
    ids=lambda settings: ", ".join(settings),
)
def test_so_it_is_with_the_rest_of_the_settings(compare: Any, settings: dict[str, Any]) -> None:
    compare(**{"fixed": both_round, **settings})


@pytest.mark.parametrize("loss", ["dapo", "grpo"])
def test_the_gradient_is_that_of_each_token_weighed_by_its_advantage(
    make_trainer: Any, problems: list[Problem], loss: str
) -> None:
    trainer = make_trainer(**{**SETTINGS, "gradient_accumulation_steps": 8, "max_steps": 1}, loss_type=loss)
    naive = make_trainer().model.double()
    trainer.model.double()
    (ours,) = gradients(trainer, problems, both_round)
    round_ = both_round(problems)
    total, tokens = torch.zeros(()), 0
    for rollout, prompt, own, credit in zip(
        round_.rollouts(),
        trainer.encode(round_.prompts()),
        round_.advantages.tolist(),
        round_.each_credit(),
        strict=True,
    ):
        ids = torch.tensor(rollout.token_ids)
        logits = naive(torch.tensor([[*prompt, *rollout.token_ids]])).logits[0, len(prompt) - 1 : -1]
        logps = logits.log_softmax(-1).gather(1, ids[:, None])[:, 0]
        left_out = {place for start, stop in rollout.masked for place in range(start, stop)}
        kept = [place for place in range(len(ids)) if place not in left_out]
        terms = [(own if credit is None else credit[place]) * logps[place] for place in kept]
        total = total + sum(terms) / (max(len(kept), 1) if loss == "grpo" else 1)
        tokens += len(kept)
    (-total / (32 if loss == "grpo" else tokens)).backward()
    assert_same([ours], [{name: p.grad for name, p in naive.named_parameters() if p.grad is not None}])


def test_batches_have_a_mask_and_advantages_of_tokens_only_where_a_round_has_them(
    make_trainer: Any, problems: list[Problem]
) -> None:
    def seen(fixed: Any, **settings: Any) -> list[dict[str, Any]]:
        trainer, found = make_trainer(**SETTINGS, **settings), []
        compute = trainer._compute_loss
        trainer._compute_loss = lambda model, inputs: (found.append(inputs), compute(model, inputs))[1]
        gradients(trainer, problems, fixed)
        assert ("credit/tokens" in trainer.state.log_history[0]) == (fixed is both_round)
        return found

    for settings in ({}, {"tokens_per_micro_batch": 150}):
        assert all("tool_mask" not in each and each["advantages"].dim() == 1 for each in seen(fixed_round, **settings))
    for each in seen(both_round):
        assert each["tool_mask"].shape == each["advantages"].shape == each["completion_ids"].shape
    packed = seen(both_round, tokens_per_micro_batch=150)
    assert any("tool_mask" in each for each in packed)
    assert any(each["advantages"].shape == each["completion_ids"].shape for each in packed)


def test_a_row_moves_where_a_token_in_the_loss_has_an_advantage() -> None:
    for more, tokens, moves in [
        ({"advantage": 1.0}, 3, True),
        ({"advantage": 0.0}, 3, False),
        ({"advantage": 1.0, "masked": ((0, 1), (2, 3))}, 1, True),
        ({"advantage": 1.0, "masked": ((0, 3),)}, 0, False),
        ({"advantage": 1.0, "counts": False}, 0, False),
        ({"advantage": 0.0, "credit": (0.0, 2.0, 0.0)}, 3, True),
        ({"advantage": 1.0, "credit": (0.0, 0.0, 0.0)}, 3, False),
        ({"advantage": 1.0, "credit": (0.0, 2.0, 0.0), "masked": ((1, 2),)}, 2, False),
    ]:
        example = Example([1], [4, 5, 6], **more)  # type: ignore[arg-type]
        assert (example.tokens, example.moves) == (tokens, moves), more


def test_masks_and_advantages_are_laid_out_by_token() -> None:
    assert trained(5, ((0, 1), (3, 5))).tolist() == [0, 1, 1, 0, 0]
    own = torch.tensor([1.0, -1.0])
    assert advantages(own, [None, None], 3) is own
    assert advantages(own, [None, (0.5, 0.0)], 3).tolist() == [[1.0, 1.0, 1.0], [0.5, 0.0, -1.0]]


def test_the_share_of_tokens_with_another_advantage_is_of_those_in_the_loss(problems: list[Problem]) -> None:
    assert credit_metrics(fixed_round(problems)) == {}
    round_ = fixed_round(problems)
    first, second = round_.rollouts()[:2]
    own = round_.advantages.tolist()
    credits = [None] * len(round_.rollouts())
    credits[0] = [own[0] + 1.0] * first.length  # type: ignore[call-overload]
    credits[1] = [own[1]] * second.length  # type: ignore[call-overload]
    object.__setattr__(first, "masked", ((0, 1),))
    tokens = sum(rollout.length for rollout in round_.rollouts()) - 1
    found = credit_metrics(Round(**{**vars(round_), "credits": tuple(credits)}))
    assert found == {"credit/tokens": pytest.approx((first.length - 1) / tokens)}


def test_credit_for_another_number_of_tokens_is_an_error(problems: list[Problem]) -> None:
    round_ = fixed_round(problems)
    length = round_.rollouts()[0].length
    credits = ([0.0] * (length + 1), *[None] * (len(round_.rollouts()) - 1))
    with pytest.raises(ValueError, match=f"a rollout of {length} tokens has advantages for {length + 1}"):
        Round(**{**vars(round_), "credits": credits})
