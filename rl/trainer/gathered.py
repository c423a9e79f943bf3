"""Whole weights of a model that FSDP2 has sharded: a plain copy on each rank, for as long as it is needed; and back.

Sampling goes through it, since ranks stop at different tokens and a sharded model would have them wait for
one another; so does what takes weights from here to another engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from peft import PeftModel, get_peft_model
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from rl.models import without_weights


def is_sharded(model: Any) -> bool:
    """Whether FSDP2 has the model's weights."""
    return isinstance(model, FSDPModule)


@contextmanager
def whole_copy(
    model: Any,
    through: torch.device,
    dtype: torch.dtype | None = None,
    to: torch.device | None = None,
    here: bool = True,
    frozen: bool = True,
) -> Iterator[PreTrainedModel | PeftModel]:
    """A copy without gradients, in `dtype` (by default the weights' own), gathered on one device and kept on another.

    All ranks enter it together; those that do not want it `here` help to gather it, and get a model without weights.
    What does not train is left out unless `frozen`: a worker has an adapter's base already.
    """
    whole = _without_weights(model)
    for name, parameter in model.named_parameters():
        if not (frozen or parameter.requires_grad):
            continue
        gathered = _gathered(parameter, through, dtype)
        if here:
            _put(whole, name, torch.nn.Parameter(gathered.to(to or through), requires_grad=False))
    for name, buffer in model.named_buffers() if here else ():  # some are in no checkpoint
        _put(whole, name, buffer.to(to or through))
    (whole.get_base_model() if isinstance(whole, PeftModel) else whole).tie_weights()
    yield whole.train(model.training)


def spread(whole: PreTrainedModel | None, sharded: PreTrainedModel) -> None:
    """Give each rank its shards of the first rank's whole model; the other ranks pass None. All enter it together."""
    state = {} if whole is None else whole.state_dict()
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=dist.get_world_size() > 1)
    set_model_state_dict(sharded, state, options=options)


def copy_start(model: PreTrainedModel, reference: Any, main: bool) -> None:
    """Have TRL's reference for a KL term be the model that training starts from; all ranks enter it together.

    TRL loads it by the name in the model's configuration: an adapter that was folded in is missing there, and FSDP2
    shards what each rank has loaded, which are zeros on all but the `main` one where loading spares host memory.
    """
    if is_sharded(reference):
        spread(model if main else None, reference)
    elif isinstance(reference, PreTrainedModel):  # DeepSpeed's engine is none, and has its own weights
        reference.load_state_dict(model.state_dict())


def _without_weights(model: PreTrainedModel | PeftModel) -> PreTrainedModel | PeftModel:
    with without_weights():
        whole: PreTrainedModel = AutoModelForCausalLM.from_config(model.config)
        whole.generation_config = model.generation_config
        if not isinstance(model, PeftModel):
            return whole
        first, *others = model.peft_config
        adapted = get_peft_model(whole, model.peft_config[first], adapter_name=first)
        for name in others:
            adapted.add_adapter(name, model.peft_config[name])
    adapted.set_adapter(model.active_adapter)
    return adapted


def _gathered(parameter: torch.Tensor, device: torch.device, dtype: torch.dtype | None) -> torch.Tensor:
    own = parameter.detach()
    own = own.to(device=device, dtype=dtype or own.dtype)
    return own.full_tensor() if isinstance(own, DTensor) else own


def _put(model: torch.nn.Module, name: str, tensor: torch.Tensor) -> None:
    place, _, own = name.rpartition(".")
    setattr(model.get_submodule(place), own, tensor)
