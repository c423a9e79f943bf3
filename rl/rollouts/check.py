"""Whether an engine samples from the trainer's weights: a few tokens' log-probs, compared.

An engine that goes on with old weights raises no error and still answers well, so nothing else would
show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from transformers import PreTrainedModel

from rl.errors import UserError
from rl.rollouts.ask import Ask, Completion, Sampling
from rl.rollouts.engine import Engine, Weights
from rl.rollouts.streams import stable_seed

FLOAT32_TOLERANCE, HALF_TOLERANCE, EXPERTS_TOLERANCE = 1e-4, 5e-2, 2e-1
"""Nats a token, in the mean, that rounding explains: where both compute in float32, where either does not, and there of
a mixture of experts, where a rounded router sends some tokens to other experts. Weights that did not arrive are random
ones, apart by whole nats."""


def tolerance(half: bool, experts: bool) -> float:
    """Nats a token that are no sign of other weights."""
    if not half:
        return FLOAT32_TOLERANCE
    return EXPERTS_TOLERANCE if experts else HALF_TOLERANCE


def has_experts(model: Any) -> bool:
    """Whether a router chooses the layers that a token goes through, by the model's configuration."""
    config = model.config.get_text_config()
    return any(int(getattr(config, name, None) or 0) > 1 for name in EXPERTS)


EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
"""How configurations call the number of a layer's experts."""


class WeightCheck:
    """Compares each copy of the weights when they first arrive, and every `every` optimiser steps."""

    PROMPTS, TOKENS = 4, 8
    """How many prompts are completed, and by how many tokens at most."""

    def __init__(self, every: int, half: bool, experts: bool = False) -> None:
        """`half`: the trainer computes in half precision; `experts`: its model is a mixture of experts."""
        self.every, self.half, self.experts = every, half, experts
        self._last: int | None = None

    def due(self, step: int) -> bool:
        return self._last is None or step - self._last >= self.every

    def __call__(
        self, engine: Engine, weights: Weights, prompts: Sequence[Sequence[int]], eos_ids: Sequence[int], step: int
    ) -> None:
        """Errors: UserError where an engine's log-probs are not the model's, on every rank where it is so on one."""
        self._last = step
        found = []
        for copy in engine.copies():
            half = self.half or copy.health().dtype != "float32"
            apart = distance(copy, weights, prompts[: self.PROMPTS], eos_ids, self.TOKENS)
            found.append((apart, tolerance(half, self.experts)))
        for apart, allowed in gather_object(found):
            if not apart <= allowed:  # NaN too
                raise UserError(
                    f"step {step}: the weights did not arrive in the rollout engine: its log-probs differ from the "
                    f"trainer's by {apart:.2g} nats a token, where rounding explains {allowed:.0e}; give both the "
                    "same model and dtype, or set rollouts.engine to transformers"
                )


def distance(
    engine: Engine, weights: Weights, prompts: Sequence[Sequence[int]], eos_ids: Sequence[int], tokens: int
) -> float:
    """Mean absolute difference of log-probs (nats) over the tokens that the engine samples."""
    seeds = [stable_seed(place) for place in range(len(prompts))]
    budgets = [tokens] * len(prompts)
    completions = engine.generate(Ask.each(prompts, budgets, Sampling(), seeds=seeds, eos_ids=eos_ids, logprobs=True))
    with weights() as model, torch.no_grad():
        was_training = model.training
        model.eval()
        own = [logprobs_of(model, prompt, c) for prompt, c in zip(prompts, completions, strict=True)]
        model.train(was_training)
    theirs = torch.cat([torch.tensor(completion.logprobs) for completion in completions])
    return float((torch.cat(own).cpu() - theirs).abs().mean())


def logprobs_of(model: PreTrainedModel, prompt: Sequence[int], completion: Completion) -> Tensor:
    """(tokens,) log-prob of each token of a completion, at temperature 1."""
    ids = torch.tensor([[*prompt, *completion.token_ids]], device=model.device)
    count = len(completion.token_ids)
    logits: Tensor = model(input_ids=ids, logits_to_keep=count + 1).logits[0, :-1].float()
    return logits.log_softmax(-1).gather(1, ids[0, -count:].unsqueeze(1)).squeeze(1)
