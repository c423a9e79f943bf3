"""What a rollout engine is to the rest: prompts and budgets in, completions out, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from transformers import PreTrainedModel

from rl.rollouts.transformers import Completion, Sampling, generate


class Engine(Protocol):
    """Samples completions. Each is cut at its own budget, and drawn as a function of its own seed."""

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        budgets: Sequence[int],
        sampling: Sampling,
        *,
        eos_ids: Sequence[int],
        seeds: Sequence[int],
        logprobs: bool = False,
    ) -> list[Completion]:
        """One completion a prompt (token ids), of at most its budget (tokens); `seeds` are of 62 bits."""
        ...


@dataclass(frozen=True)
class TransformersEngine:
    """The engine that needs nothing but the model, `batch_size` rows side by side (all of them by default)."""

    model: PreTrainedModel
    batch_size: int | None = None

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        budgets: Sequence[int],
        sampling: Sampling,
        *,
        eos_ids: Sequence[int],
        seeds: Sequence[int],
        logprobs: bool = False,
    ) -> list[Completion]:
        return generate(
            self.model,
            prompts,
            budgets,
            sampling,
            eos_ids=eos_ids,
            seeds=seeds,
            batch_size=self.batch_size,
            logprobs=logprobs,
        )
