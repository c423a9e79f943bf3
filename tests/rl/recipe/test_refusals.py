"""Settings of TRL that do not go with what a recipe asks for."""

from typing import Any

import pytest

from rl.errors import UserError
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.refusals import require_token_credit


def config(**settings: Any) -> LengthGRPOConfig:
    return LengthGRPOConfig("unused", num_generations=4, use_cpu=True, bf16=False, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_type": "vespo"}, "credit does not go with loss_type vespo"),
        (
            {"importance_sampling_level": "sequence", "loss_type": "grpo"},
            "importance_sampling_level sequence, by which",
        ),
        ({"top_entropy_quantile": 0.2}, "top_entropy_quantile below 1, which leaves tokens out"),
    ],
)
def test_credit_for_tokens_is_refused_where_a_loss_would_spread_or_drop_it(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        require_token_credit(config(**settings))


@pytest.mark.parametrize("loss", ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo"])
def test_all_other_losses_take_it(loss: str) -> None:
    require_token_credit(config(loss_type=loss))
