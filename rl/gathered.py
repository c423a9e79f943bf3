"""Whole weights of a model that FSDP2 has sharded: a plain copy on each rank, for as long as it is needed.

Sampling goes through it, since ranks stop at different tokens and a sharded model would have them wait for
one another; so does what takes weights from here to another engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from rl.errors import UserError


def is_sharded(model: Any) -> bool:
    """Whether FSDP2 has the model's weights."""
    return isinstance(model, FSDPModule)


@contextmanager
def whole_copy(model: Any, device: torch.device, dtype: torch.dtype | None = None) -> Iterator[PreTrainedModel]:
    """A copy without gradients, in `dtype` (by default the weights' own). All ranks enter it together.

    Errors: UserError for an adapter.
    """
    if not isinstance(model, PreTrainedModel):
        raise UserError("an adapter's model cannot be gathered from FSDP; train it by DDP or DeepSpeed")
    with torch.device("meta"):
        whole: PreTrainedModel = AutoModelForCausalLM.from_config(model.config)
    whole.generation_config = model.generation_config
    for name, parameter in model.named_parameters():
        _put(whole, name, torch.nn.Parameter(_gathered(parameter, device, dtype), requires_grad=False))
    for name, buffer in model.named_buffers():  # some are in no checkpoint
        _put(whole, name, buffer.to(device))
    whole.tie_weights()
    yield whole.train(model.training)


def _gathered(parameter: torch.Tensor, device: torch.device, dtype: torch.dtype | None) -> torch.Tensor:
    own = parameter.detach()
    own = own.to(device=device, dtype=dtype or own.dtype)
    return own.full_tensor() if isinstance(own, DTensor) else own


def _put(model: torch.nn.Module, name: str, tensor: torch.Tensor) -> None:
    place, _, own = name.rpartition(".")
    setattr(model.get_submodule(place), own, tensor)
