"""KL-Cov by hand, against its definition written out, and packed against plain."""

from typing import Any

import pytest
import torch
from fixed_rounds import SETTINGS, both_round, fixed_round
from torch import Tensor
from trl import GRPOTrainer

from rl.errors import UserError
from rl.recipe.config import LengthGRPOConfig
from rl.updates.kl_cov import chosen


def test_tokens_with_the_largest_covariance_are_chosen() -> None:
    # Active: A 1, 1, -1, -1 and logp -.1, -2, -.1, -3; means 0 and -1.3; x = 1.2, -.7, -1.2, 1.7.
    advantages = torch.tensor([[1.0, 1.0, 9.0], [-1.0, -1.0, 9.0]])
    logps = torch.tensor([[-0.1, -2.0, 0.0], [-0.1, -3.0, 0.0]])
    active = torch.tensor([[True, True, False]] * 2)
    for share, places in [
        (0.002, [[1, 1]]),
        (0.49, [[1, 1]]),
        (0.5, [[0, 0], [1, 1]]),
        (1.0, [[0, 0], [0, 1], [1, 0], [1, 1]]),
    ]:
        assert chosen(advantages, logps, active, share).nonzero().tolist() == places
    assert not chosen(advantages, logps, torch.zeros_like(active), 0.5).any()


def naive(batch: dict[str, Tensor], loss_type: str, share: float, coefficient: float, divisor: float) -> Tensor:
    """The loss token by token: `divisor` of sums is what the loss type divides by, of means over rows their number."""
    places = (batch["completion_mask"] * batch["tool_mask"]).nonzero().tolist()
    own = batch["advantages"]
    advantage = [float(own[r, t] if own.dim() == 2 else own[r]) for r, t in places]
    logp, old = ([batch[name][r, t] for r, t in places] for name in ("logps", "old_per_token_logps"))
    mean_a, mean_l = sum(advantage) / len(places), sum(x.item() for x in logp) / len(places)
    gains = [(a - mean_a) * (now.item() - mean_l) for a, now in zip(advantage, logp, strict=True)]
    most = sorted(range(len(places)), key=lambda n: -gains[n])[: max(1, int(share * len(places)))]
    losses = [-a * torch.exp(now - was) for a, now, was in zip(advantage, logp, old, strict=True)]
    for n in most:
        losses[n] = losses[n] + coefficient * (logp[n] - old[n]).abs()
    if loss_type == "grpo":
        for n, (row, _) in enumerate(places):
            losses[n] = losses[n] / sum(r == row for r, _ in places)
    total: Tensor = torch.stack(losses).sum() / divisor
    return total


@pytest.mark.parametrize("by_token", [False, True])
@pytest.mark.parametrize("loss_type", ["grpo", "dapo", "bnpo", "dr_grpo"])
def test_the_loss_and_its_gradient_are_those_of_the_definition(
    make_trainer: Any, monkeypatch: pytest.MonkeyPatch, loss_type: str, by_token: bool
) -> None:
    trainer = make_trainer(loss_type=loss_type, kl_cov=0.2, kl_cov_coef=0.7)
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    draw = torch.Generator().manual_seed(3)
    shape = (3, 7)
    logps = -2 * torch.rand(shape, generator=draw, dtype=torch.float64)
    mask = torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 3 + [0] * 4])
    batch = {
        "prompt_ids": torch.ones((3, 2), dtype=torch.long),
        "prompt_mask": torch.ones((3, 2), dtype=torch.long),
        "completion_ids": torch.ones(shape, dtype=torch.long),
        "completion_mask": mask,
        "tool_mask": torch.tensor([[0, 1, 1, 1, 1, 1, 1], [1] * 7, [1] * 7]),
        "advantages": torch.randn(shape if by_token else (3,), generator=draw, dtype=torch.float64),
        "old_per_token_logps": logps + torch.randn(shape, generator=draw, dtype=torch.float64),
        "num_items_in_batch": torch.tensor(28),
    }
    given = dict(batch)
    tokens = int((mask * batch["tool_mask"]).sum())
    # TRL divides dapo's sum by the round's tokens, of which an update has half here.
    divisor = {"grpo": 3.0, "dapo": 14.0, "bnpo": float(tokens), "dr_grpo": 3.0 * 60}[loss_type]
    ours, theirs = (logps.clone().requires_grad_() for _ in range(2))
    monkeypatch.setattr(
        GRPOTrainer, "_get_per_token_logps_and_entropies", lambda *_, **__: (ours, torch.zeros(shape), None)
    )
    loss = trainer._compute_loss(trainer.model, batch)
    expected = naive({**batch, "logps": theirs}, loss_type, 0.2, 0.7, divisor)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.backward()
    expected.backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-6)
    assert all(batch[name] is value for name, value in given.items())  # the next update has them as they were


def test_a_token_that_all_but_vanished_has_a_loss_that_is_a_number(
    make_trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(loss_type="grpo", kl_cov=1.0)
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    one = torch.ones((1, 2), dtype=torch.long)
    batch = dict.fromkeys(("prompt_ids", "prompt_mask", "completion_ids", "completion_mask"), one)
    batch |= {"advantages": torch.ones(1), "old_per_token_logps": torch.zeros(1, 2)}
    logps = torch.tensor([[-200.0, -1.0]], requires_grad=True)
    monkeypatch.setattr(
        GRPOTrainer, "_get_per_token_logps_and_entropies", lambda *_, **__: (logps, torch.zeros(1, 2), None)
    )
    trainer._compute_loss(trainer.model, batch).backward()
    assert logps.grad is not None
    assert logps.grad.isfinite().all()


WHOLE = {**SETTINGS, "per_device_train_batch_size": 16, "gradient_accumulation_steps": 1, "steps_per_generation": 2}


@pytest.mark.parametrize(("loss", "fixed"), [("grpo", both_round), ("dapo", fixed_round)])
def test_where_an_update_is_one_micro_batch_packed_is_plain(compare: Any, loss: str, fixed: Any) -> None:
    settings = {**WHOLE, "learning_rate": 1e-2, "loss_type": loss, "fixed": fixed}
    packed, _ = compare(tokens=100_000, kl_cov=0.1, packing={"padded": False}, **settings)
    assert packed.state.log_history[0]["packing/micro_batches"] == 1
    left = sum(not tokens for tokens in packed.updates.round.tokens) / 32  # none for want of an advantage
    assert packed.state.log_history[0]["packing/left"] == pytest.approx(left)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_type": "cispo"}, "kl_cov does not go with loss_type cispo, only with grpo, bnpo, dr_grpo, dapo"),
        ({"loss_type": "luspo"}, "loss_type luspo"),
        ({"importance_sampling_level": "sequence"}, "importance_sampling_level sequence"),
        ({"delta": 4.0}, "delta, which clips"),
        ({"off_policy_mask_threshold": 0.1}, "off_policy_mask_threshold"),
        ({"top_entropy_quantile": 0.2}, "top_entropy_quantile below 1"),
        ({"kl_cov": 0.0}, "kl_cov must be above 0 and at most 1, not 0.0"),
    ],
)
def test_what_it_does_not_go_with_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LengthGRPOConfig(
            "unused", **{"kl_cov": 0.002, "num_generations": 4, "use_cpu": True, "bf16": False, **settings}
        )
