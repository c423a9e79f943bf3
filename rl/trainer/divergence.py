"""A run whose numbers are none: it ends before a checkpoint holds them, on all ranks at the same step.

Loss and gradient norm are looked at before the optimiser takes its step, the weights after it. Transformers' filter for
such losses would log a mean in their place and go on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from safetensors import safe_open
from torch import Tensor
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback

from rl.errors import UserError
from rl.rollouts.ask import NotFinite


class Diverged(UserError):
    """At `step`, counted from 1, the `metric` was no finite number."""

    def __init__(self, step: int, metric: str, value: str) -> None:
        super().__init__(f"the run diverged at step {step}: {metric} is {value}")
        self.step, self.metric, self.value = step, metric, value


class Divergence(TrainerCallback):
    """Looks at each step of `trainer`. All ranks call each method together."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self._loss: Tensor | float = 0.0

    def see_loss(self, loss: Tensor) -> Tensor:
        """Keep a micro-batch's loss for when the whole step's are there; it stays where it is until then."""
        self._loss = loss.detach().float() + self._loss
        return loss

    def see_gradient(self, norm: Any) -> None:
        """Errors: Diverged where a loss of any rank, or the gradient's norm, is not finite."""
        loss, self._loss = float(self._loss), 0.0
        # With float16 the gradient scaler passes over a step whose gradient overflows, and scales the next one less.
        scaled = self.trainer.args.fp16 or norm is None
        ranks = gather_object([(loss, 0.0 if scaled else float(norm))])
        for metric, values in zip(("loss", "grad_norm"), zip(*ranks, strict=True), strict=True):
            wrong = [value for value in values if not math.isfinite(value)]
            if wrong:
                raise Diverged(self.trainer.state.global_step + 1, metric, str(wrong[0]))

    @contextmanager
    def in_sampling(self) -> Iterator[None]:
        """Weights may be finite and what they compute not. Errors: Diverged where an engine says so."""
        try:
            yield
        except NotFinite as error:
            raise Diverged(self.trainer.state.global_step + 1, "logits", "not finite in its rollouts") from error

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._see_weights(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._see_weights(state.global_step)

    def _see_weights(self, step: int) -> None:
        names = gather_object([not_finite(self.trainer.model)])
        if any(names):
            raise Diverged(step, "weights", f"not finite in {next(filter(None, names))}")


@torch.no_grad()
def not_finite(model: torch.nn.Module, trained: bool = True) -> str | None:
    """The first parameter (of those that train) with a value that is not finite in this rank's part of it, if any."""
    own = dict(_local(model, trained))
    # The largest magnitude: unlike a sum, it is not finite only where a value is not.
    norms = torch._foreach_norm(list(own.values()), math.inf) if own else []
    finite = torch.stack([norm.float().cpu() for norm in norms]).isfinite().tolist() if own else []
    return next((name for name, good in zip(own, finite, strict=True) if not good), None)


def _local(model: torch.nn.Module, trained: bool) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        part: Any = getattr(parameter, "ds_tensor", parameter)  # DeepSpeed's shard
        part = part.to_local() if isinstance(part, DTensor) else part
        if (parameter.requires_grad or not trained) and part.is_floating_point() and part.numel():
            yield name, part


def spoiled(checkpoint: Path) -> str | None:
    """Whether a checkpoint's weights, as far as they are safetensors, are not finite; in words."""
    for file in sorted(checkpoint.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no mapping
                tensor = opened.get_tensor(name)
                if tensor.is_floating_point() and not tensor.abs().amax().isfinite():
                    return f"its weights are not finite in {name}"
    return None
