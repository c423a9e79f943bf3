"""Whether a model is one to sample from: with weights, on the device of the run."""

from __future__ import annotations

import torch
from torch import nn

from rl.errors import UserError


def require_samplable(model: nn.Module, device: torch.device) -> None:
    """Refuse what would answer nonsense, or answer for days. Errors: UserError, on the rank where it is so.

    Sharding launches leave such models behind: weights of zero on all ranks but the first, weights in host memory.
    """
    first = next(model.parameters())
    if first.device.type != device.type or (first.device.index or 0) != (device.index or 0):
        raise UserError(
            f"the model to sample from lies on {first.device}, and this rank computes on {device}; "
            "launch it by a file of experiments/cluster"
        )
    if not any(bool(parameter.any()) for parameter in model.parameters()):
        raise UserError(
            "the model to sample from is all zero on this rank: nobody has brought it its weights; set "
            "fsdp_cpu_ram_efficient_loading: false in the launch's configuration"
        )
