"""Weights, gradients and optimiser states: what lies in memory whatever the batch is."""

from __future__ import annotations

from rl.estimates.setup import Setup

MOMENTS = {
    "adamw": 8.0,
    "adafactor": 0.02,
    "sgd": 0.0,
    "lion": 4.0,
    "rmsprop": 4.0,
    "muon": 4.0,
}
"""Bytes of optimiser states a trained parameter, by the beginning of transformers' `optim`."""
EIGHT_BIT = 1.05
"""Bytes of a moment that bitsandbytes keeps in 8 bits, block scales included."""


def moment_bytes(optimizer: str) -> float:
    """Bytes of optimiser states a trained parameter; AdamW's for an optimiser that is not known."""
    name = optimizer.removeprefix("paged_").removeprefix("ademamix")
    wide = next((size for start, size in MOMENTS.items() if name.startswith(start)), MOMENTS["adamw"])
    return wide / 4 * EIGHT_BIT if "8bit" in name else wide


def states(setup: Setup) -> tuple[dict[str, float], dict[str, float]]:
    """Bytes on a rank's device and in its host's memory, by what they are."""
    launch, shape, ranks = setup.launch, setup.shape, setup.launch.ranks
    trained, frozen = (shape.parameters, 0) if setup.trained is None else (setup.trained, shape.parameters)
    width = 2.0 if setup.deepspeed_half else setup.weight_bytes
    master = 4.0 if setup.deepspeed_half else 0.0

    def share(size: float, shared: bool) -> float:
        return size / ranks if shared else size

    weights = share(trained * width + frozen * setup.frozen_bytes, launch.shares_weights)
    if setup.reference:
        weights += share(shape.parameters * setup.weight_bytes, launch.shares_weights)
    gradients = share(trained * width, launch.shares_gradients)
    optimizer = share(trained * (moment_bytes(setup.optimizer) + master), launch.shares_optimizer)
    host: dict[str, float] = {}
    device: dict[str, float] = {}
    (host if launch.offload_weights else device)["weights"] = weights
    (host if launch.offload_weights else device)["gradients"] = gradients
    (host if launch.offload_optimizer else device)["optimiser"] = optimizer
    if launch.sharding == "ddp" and ranks > 1:
        device["DDP's buckets"] = trained * width
    held_wide = setup.trained is None or setup.frozen_bytes > setup.compute_bytes
    if setup.autocast and held_wide:
        device["weights in half precision"] = shape.layers * shape.layer_parameters * setup.compute_bytes
    # A layer, the one that is fetched ahead, and the embeddings; with FSDP a layer's and their gradients, too.
    if launch.shares_weights:
        embeddings = shape.head_parameters * (1 if shape.tied else 2)
        not_yet_shared = shape.layer_parameters + embeddings if launch.sharding == "fsdp" and not setup.trained else 0
        whole = 2 * shape.layer_parameters + embeddings + not_yet_shared
        device["gathered weights"] = whole * setup.compute_bytes
    return device, host
