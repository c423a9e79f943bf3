"""The trainer's weights, for whoever samples from them: whole, without gradient, on the ranks that want them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel
from trl.models import unwrap_model_for_generation

from rl.rollouts import Engine
from rl.rollouts.check import WeightCheck, has_experts
from rl.rollouts.samplable import require_samplable
from rl.rollouts.weights import is_adapter
from rl.rollouts.workers.engine import WorkersEngine
from rl.trainer.gathered import is_sharded, whole_copy


class TrainedWeights:
    """What `trainer` trains, brought to its `engine`. All ranks enter each context together."""

    def __init__(self, trainer: Any, engine: Engine, check_every: int) -> None:
        """`check_every`: optimiser steps between comparisons of the engine's weights with the trainer's."""
        self.trainer, self.engine = trainer, engine
        self.check = WeightCheck(check_every, self._computes_in is not None, has_experts(trainer.model))

    def bring(self, step: int) -> None:
        """Have the engine sample from this step's weights, and from time to time see that it does."""
        self.engine.load_weights(self.to_send, step)
        if self.check.due(step):
            prompts = self.trainer.encode([p.prompt for p in self.trainer.problems[: WeightCheck.PROMPTS]])
            self.check(self.engine, self._to_compare, prompts, self.trainer.eos_token_ids, step)

    @contextmanager
    def whole(self) -> Iterator[PreTrainedModel]:
        """The model, unwrapped and with whole weights on every rank, to sample from without gradient."""
        model, accelerator, args = self.trainer.model_wrapped, self.trainer.accelerator, self.trainer.args
        if is_sharded(model):
            with whole_copy(model, accelerator.device, self._computes_in) as copy, torch.no_grad():
                require_samplable(copy, accelerator.device)
                yield copy
            return
        with (
            unwrap_model_for_generation(
                model,
                accelerator,
                gather_deepspeed3_params=args.ds3_gather_for_generation,
                gradient_checkpointing_kwargs=args.gradient_checkpointing_kwargs,
            ) as unwrapped,
            torch.no_grad(),
        ):
            require_samplable(unwrapped, accelerator.device)
            yield unwrapped

    @contextmanager
    def to_send(self) -> Iterator[PreTrainedModel]:
        """The same for the engine. Only the first rank sends shards to workers, so only it holds the whole of them."""
        model, accelerator = self.trainer.model_wrapped, self.trainer.accelerator
        if not (is_sharded(model) and isinstance(self.engine, WorkersEngine)):
            with self.whole() as whole:
                yield whole
            return
        device, main = accelerator.device, accelerator.is_main_process
        to = torch.device("cpu") if self.engine.channels is None else device
        frozen = not is_adapter(self.trainer.model)
        with whole_copy(model, device, self._computes_in, to, main, frozen) as copy, torch.no_grad():
            yield copy

    @contextmanager
    def _to_compare(self) -> Iterator[PreTrainedModel]:
        """The same for a few forward passes, equally many on every rank, which shards can make in step."""
        if is_sharded(self.trainer.model_wrapped) and isinstance(self.engine, WorkersEngine):
            with torch.no_grad():
                yield self.trainer.model_wrapped
            return
        with self.whole() as model:
            yield model

    @property
    def _computes_in(self) -> torch.dtype | None:
        """Half precision, where layers compute in it."""
        args = self.trainer.args
        return torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else None
