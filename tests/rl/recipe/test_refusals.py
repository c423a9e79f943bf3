"""Settings of TRL that do not go with what a recipe asks for."""

from pathlib import Path
from typing import Any

import pytest

from rl.errors import UserError
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.files import load_recipe
from rl.recipe.refusals import require_token_credit
from rl.run.prepare import resolve


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


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "credit.lengths=[32, 64]",
            r"trees of 2 summaries at lengths \[32, 64\], and edit brpo makes 2 at \[32, 64, 96\]",
        ),
        ("edits.0.lengths=[8, 64, 96]", r"and edit brpo makes 2 at \[8, 64, 96\]"),
        ("edits=[]", "and there is no edit brpo; give both the same `lengths` and `summaries`"),
        ("credit.prior=none", "prior must be one of uniform, linear, base, not 'none'"),
    ],
)
def test_a_credit_for_other_trees_than_are_made_is_refused(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        resolve(load_recipe("demo-brpo", [override]), tmp_path)


def test_a_credit_that_reckons_rewards_by_other_options_than_the_reward_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"token credit 'hbpo': its options are .* and those of reward hbpo"):
        resolve(load_recipe("demo-hbpo", ["credit.beta=3"]), tmp_path)
