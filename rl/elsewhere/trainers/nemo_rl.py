"""NeMo-RL: an advantage estimator that shapes rewards first. Written against commit 7ea279a, by its recorded arguments.

NeMo-RL makes its estimator in a function that has no place for another, which the page shows how to replace. Rewards
are those of the environment, 0 or 1: there is no gold answer here to judge by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rl.elsewhere.groups.advantages import Advantages
from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Said, Told
from rl.errors import UserError

HOST = Host("NeMo-RL", "commit 7ea279a", batch=True, advantages=True, evaluation=True)
"""It is called in training alone."""


class Lengthwise:
    """In the place of NeMo-RL's estimator. Errors: UserError for a method that cannot be."""

    def __init__(self, *_: Any, **__: Any) -> None:
        method = read_method()
        self.scorer, self.advantages = GroupScorer(method, HOST), Advantages(method)

    def compute_advantage(
        self, prompt_ids: Tensor, rewards: Tensor, mask: Tensor, repeated_batch: Mapping[str, Any], **_: Any
    ) -> Tensor:
        """Padded prompts (B, P), whose equal rows are groups, rewards (B,), the tokens that train (B, T): (B, T)."""
        groups: dict[tuple[int, ...], list[int]] = {}
        with HOST.told():
            for place, row in enumerate(prompt_ids.tolist()):
                groups.setdefault(tuple(row), []).append(place)
            correct = [_verdict(value) for value in rewards.tolist()]
            told = [self._told(places, correct, repeated_batch) for places in groups.values()]
        scored = self.scorer.score(told)
        found = torch.zeros(len(correct), dtype=mask.dtype if mask.is_floating_point() else torch.float32)
        for places, own in zip(groups.values(), self.advantages.of(scored), strict=True):
            found[places] = torch.tensor(own, dtype=found.dtype)
        return found.to(mask.device).unsqueeze(-1).expand(mask.shape)

    def _told(self, places: Sequence[int], correct: Sequence[bool], batch: Mapping[str, Any]) -> Told:
        logs = [batch["message_log"][place] for place in places]
        begin = next(at for at, turn in enumerate(logs[0]) if turn["role"] == "assistant")
        prompt = [{"role": turn["role"], "content": turn["content"]} for turn in logs[0][:begin]]
        ids = [id for turn in logs[0][:begin] for id in turn["token_ids"].tolist()]
        said = [
            Said(
                [id for turn in log if turn["role"] == "assistant" for id in turn["token_ids"].tolist()],
                not bool(batch["truncated"][place]),
                correct=correct[place],
            )
            for place, log in zip(places, logs, strict=True)
        ]
        return Told(prompt, None, said, prompt_ids=ids)


def _verdict(reward: float) -> bool:
    if reward not in (0.0, 1.0):
        raise UserError(
            f"NeMo-RL's environment gave {reward}, and here a reward says right or wrong: have it give 0 or 1, without "
            "reward_shaping or reward_scaling"
        )
    return reward == 1.0
