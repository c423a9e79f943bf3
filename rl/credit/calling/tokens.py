"""After advantages: which tokens earned them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rewards import Group
from rewards.compact import Compact, log_probs
from rewards.credit import BatchCredit, TokenCredit
from rl.credit.within.arrays import Array
from rl.errors import UserError
from rl.plugins import guarded

KIND = "token credit"


def credited(credit: TokenCredit, groups: Sequence[Group], advantages: Array) -> tuple[Sequence[float] | None, ...]:
    """The advantage of each token of each rollout of a batch, given those of the rollouts (B,), in their order."""
    left = iter(advantages.tolist())
    own = [[next(left) for _ in group.rollouts] for group in groups]
    with guarded(credit, KIND):
        if isinstance(credit, BatchCredit):
            given = credit.batch(groups, own)
        else:
            given = [credit.credit(group, each) for group, each in zip(groups, own, strict=True)]
    if [len(each) for each in given] != [len(each) for each in own]:
        raise UserError(f"{KIND} {credit.name!r} must give one answer a rollout, group after group")
    pairs = zip((r for g in groups for r in g.rollouts), (tokens for each in given for tokens in each), strict=True)
    return tuple(
        None if tokens is None or rollout.raw_reward is None else _checked(credit, tokens, rollout.length)
        for rollout, tokens in pairs
    )


def _checked(credit: TokenCredit, tokens: Sequence[float], length: int) -> Compact[float]:
    if len(tokens) != length:
        raise UserError(f"{KIND} {credit.name!r} gave {len(tokens)} advantages for a rollout of {length} tokens")
    values = np.asarray(tokens, np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{KIND} {credit.name!r} gave an advantage that is not finite")
    return log_probs(values.tobytes())
