"""One process, one device: what a process that no launcher started does on a machine of several GPUs."""

from __future__ import annotations

import os

import torch

from rl.terminal import say

BY_LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
"""What torchrun and accelerate give each rank that they start; which device is its own, they have decided."""
VISIBLE = "CUDA_VISIBLE_DEVICES"


def take_one_device() -> None:
    """Have this process see the first of its GPUs only, and say so; nothing where a launcher started it.

    To be called before CUDA starts, which reads the variable once. Transformers would put copies of the model on all
    that it sees (`nn.DataParallel`), and TRL refuses that.
    """
    if any(name in os.environ for name in BY_LAUNCHER):
        return
    seen = torch.cuda.device_count()  # by the driver's list, which starts nothing
    if seen > 1:
        first = os.environ.get(VISIBLE, "0").partition(",")[0].strip()
        os.environ[VISIBLE] = first
        say(f"this process takes one of {seen} GPUs, {first}; accelerate launch starts one on each", error=True)
