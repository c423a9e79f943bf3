"""Activations in host memory from forward to backward, for what gradient checkpointing or chunks keep of each layer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

SMALL = 1024
"""Bytes that are not worth a copy."""


def in_host_memory(model: nn.Module) -> saved_tensors_hooks:
    """While the context lasts, what autograd saves is kept in host memory, and comes back for the backward pass.

    A model's weights, which it saves too, stay where they are. Copies are in order with what computes: nothing
    overlaps. Tensors that lie in host memory are copied as well.
    """
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def take_away(saved: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if saved.nbytes < SMALL or saved.untyped_storage().data_ptr() in weights:
            return saved
        host = saved.new_empty(saved.shape, device="cpu", pin_memory=saved.is_cuda)
        return host.copy_(saved, non_blocking=True), saved.new_empty(0)

    def bring_back(kept: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        if isinstance(kept, Tensor):
            return kept
        host, there = kept
        return host.to(there.device, non_blocking=True)

    return saved_tensors_hooks(take_away, bring_back)
