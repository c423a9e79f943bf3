"""How this very launch is spread over ranks: as its launcher says in the environment."""

from __future__ import annotations

import os

import torch

from rl.launch.configuration import Launch, Sharding
from rl.ranks import launched

STAGES: dict[str, Sharding] = {"0": "ddp", "1": "zero1", "2": "zero2", "3": "zero3"}


def launch_here() -> Launch:
    """By what accelerate hands on to its ranks: what shards, and what lies in host memory."""
    ranks, cpu = launched().num_processes, not torch.cuda.is_available()
    if _is_on("ACCELERATE_USE_FSDP"):
        away = _is_on("FSDP_OFFLOAD_PARAMS")
        return Launch(ranks, "fsdp", away, away, cpu=cpu)
    if _is_on("ACCELERATE_USE_DEEPSPEED"):
        stage = STAGES.get(os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2"), "zero2")
        optimizer, weights = (
            os.environ.get(f"ACCELERATE_DEEPSPEED_OFFLOAD_{part}_DEVICE", "none") != "none"
            for part in ("OPTIMIZER", "PARAM")
        )
        return Launch(ranks, stage, optimizer, weights, cpu=cpu)
    return Launch(ranks, "ddp" if ranks > 1 else "none", cpu=cpu)


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").lower() == "true"
