"""What autograd saves, away from forward to backward."""

from typing import Any

import pytest
import torch
from fixed_rounds import SETTINGS, assert_same, gradients
from slowly import some
from torch import nn

from rewards import Problem
from rl.errors import UserError
from rl.recipe.config import LengthGRPOConfig
from rl.updates import host
from rl.updates.host import in_host_memory


def test_what_is_saved_lies_elsewhere_and_weights_stay() -> None:
    torch.manual_seed(0)
    layer, rows = nn.Linear(64, 32), torch.randn(40, 64, requires_grad=True)
    with in_host_memory(layer):
        squared = (layer(rows) ** 2).sum()
    first = squared.grad_fn.next_functions[0][0]  # type: ignore[union-attr]
    product = first.next_functions[0][0]
    weights = layer.weight.untyped_storage().data_ptr()
    assert product._saved_mat2.untyped_storage().data_ptr() == weights
    assert product._saved_mat1.equal(rows)
    assert product._saved_mat1.untyped_storage().data_ptr() != rows.untyped_storage().data_ptr()
    squared.backward()
    # The gradient of (x w + b)^2 is 2 (x w + b) x.
    expected = 2 * (rows @ layer.weight.T + layer.bias).T @ rows
    torch.testing.assert_close(layer.weight.grad, expected)


CHECKPOINTED = {"tokens_per_micro_batch": 150, "gradient_checkpointing": True, "gradient_accumulation_steps": 8}


@pytest.mark.parametrize("settings", some([CHECKPOINTED, {"sequence_chunk": 7}], [CHECKPOINTED]))
def test_the_gradient_is_the_same(
    make_trainer: Any, problems: list[Problem], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    away: list[int] = []
    hooks = host.saved_tensors_hooks

    def seen(take: Any, bring: Any) -> Any:
        return hooks(lambda saved: (kept := take(saved), away.append(isinstance(kept, tuple)))[0], bring)

    monkeypatch.setattr(host, "saved_tensors_hooks", seen)
    usual = gradients(make_trainer(**{**SETTINGS, **settings, "max_steps": 1}), problems)
    assert not away
    assert_same(
        gradients(make_trainer(**{**SETTINGS, **settings, "max_steps": 1}, offload_activations=True), problems),
        usual,
        1e-9,
    )
    assert any(away)


def test_without_checkpointing_it_is_refused() -> None:
    with pytest.raises(UserError, match="set gradient_checkpointing or sequence_chunk"):
        LengthGRPOConfig("unused", use_cpu=True, bf16=False, gradient_checkpointing=False, offload_activations=True)
