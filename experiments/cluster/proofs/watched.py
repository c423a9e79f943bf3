"""`lengthwise train`, watched: on which devices and in which precision it sampled, in which part of the run.

As a module it is what torchrun starts on each rank: `-m experiments.cluster.proofs.watched SEEN.json RUN RECIPE ...`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from experiments.cluster.proofs.step import require
from rl.folders.run import RunFolder
from rl.run.train import train

Seen = dict[str, list[str]]
"""`cuda bfloat16` and the like, by part: before, rounds, after."""

SMALL = (
    "data.train.options.n=64",
    "data.eval.options.n=16",
    "evaluation.budget=80",
    "sampling.dynamic=false",
    "trainer.num_generations=4",
    "trainer.per_device_train_batch_size=8",
    "trainer.max_steps=4",
    "trainer.save_steps=2",
    "trainer.tokens_per_micro_batch=600",
)
"""A demo recipe made so small that it takes seconds: two rounds of sixteen rollouts."""


def watched(run: Path, recipe: str, overrides: Sequence[str]) -> Seen:
    """Train, and tell what linear layers computed on and in while nothing asked for gradients."""
    folder, seen = RunFolder(run), dict[str, set[str]]()

    def look(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(module, nn.Linear) and not torch.is_grad_enabled():
            before = not folder.evaluation("before").is_file()
            part = "before" if before else "after" if folder.final.exists() else "rounds"
            seen.setdefault(part, set()).add(f"{output.device.type} {str(output.dtype).removeprefix('torch.')}")

    handle = register_module_forward_hook(look)
    try:
        train(recipe, overrides, out=run, quiet=True)
    finally:
        handle.remove()
    return {part: sorted(kinds) for part, kinds in seen.items()}


def steps_of(run: Path) -> list[dict[str, Any]]:
    """The metrics of each step. Errors: Disproved where a loss or a gradient is no number."""
    steps = [json.loads(line) for line in RunFolder(run).metrics.read_text().splitlines()]
    for step in steps:
        for name in ("loss", "grad_norm"):
            value = step.get(name)
            require(isinstance(value, float) and math.isfinite(value), f"{name} of step {step['step']} is {value}")
    return steps


def require_alike(seen: Seen, device: str) -> None:
    """Errors: Disproved unless before and after are computed alike, and all of it on the device."""
    require(seen["before"] == seen["after"], f"before is computed by {seen['before']}, after by {seen['after']}")
    elsewhere = {part: kinds for part, kinds in seen.items() if any(not kind.startswith(device) for kind in kinds)}
    require(not elsewhere, f"not on {device}: {elsewhere}")


def shard_over_gloo() -> None:
    """Have accelerate shard by FSDP without CUDA, too, which it does on accelerators only."""
    begin = AcceleratorState.__init__

    def as_if_on_one(self: AcceleratorState, *args: Any, **kwargs: Any) -> None:
        if PartialState(cpu=True).distributed_type == DistributedType.MULTI_CPU:
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        begin(self, *args, **kwargs)

    AcceleratorState.__init__ = as_if_on_one


def main() -> None:
    if not torch.cuda.is_available():
        shard_over_gloo()
    target, run, recipe, *overrides = sys.argv[1:]
    Path(target).write_text(json.dumps(watched(Path(run), recipe, overrides)))


if __name__ == "__main__":
    main()
