"""verl's registry of advantage estimators, with ours in it: `algorithm.adv_estimator=lengthwise`.

Registered by being imported, which the environment variable `VERL_USE_EXTERNAL_MODULES` has verl do. It sees the
rewards and lengths of a whole batch, no texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from torch import Tensor
from verl.trainer.ppo.core_algos import register_adv_est  # type: ignore[import-not-found]

from rl.elsewhere.groups.advantages import Advantages, by_token
from rl.elsewhere.groups.method import read_method


@cache
def _advantages() -> Advantages:
    return Advantages(read_method())


def lengthwise(
    token_level_rewards: Tensor, response_mask: Tensor, index: Sequence[Any], config: Any = None, **_: Any
) -> tuple[Tensor, Tensor]:
    """(B, T) rewards and mask, and each row's prompt; (B, T) advantages, and the same as returns."""
    return by_token(_advantages(), token_level_rewards, response_mask, index)


register_adv_est("lengthwise")(lengthwise)
