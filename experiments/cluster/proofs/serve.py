"""`lengthwise serve` beside the trainer: weights by files on one device, over NCCL on two; log-probs compared.

And the tokens a second of the first.
"""

from __future__ import annotations

import asyncio
import os
import time

import torch

from experiments.cluster.proofs.step import Figures, Place, require
from experiments.cluster.proofs.watched import SMALL, steps_of
from experiments.local_workers import local_workers
from rl.models import load_config, resolve_model
from rl.rollouts import Ask, Sampling
from rl.rollouts.workers.http import HttpWorker
from rl.run.train import train

ROLLOUTS, LENGTH = 256, 768
SHARE = ("--gpu-memory-utilization", "0.2")


def run(place: Place) -> Figures:
    second = _second_device()
    started = time.monotonic()
    with local_workers("demo", 1, LENGTH + 256, *SHARE) as (address,):
        up = time.monotonic()
        steps = _train(place, "files", address)
        found: Figures = {"seconds to start": up - started, "seconds to train": time.monotonic() - up, "steps": steps}
        found |= asyncio.run(_rates(address, place))
    if second is None:
        return found | {"NCCL": "needs two CUDA devices"}
    with local_workers("demo", 1, 512, "--nccl", environment={"CUDA_VISIBLE_DEVICES": second}) as (address,):
        up = time.monotonic()
        _train(place, "nccl", address)
        return found | {"seconds to train over NCCL": time.monotonic() - up}


def _train(place: Place, weights: str, address: str) -> int:
    """The steps of a run that samples by this worker."""
    engine = ["rollouts.engine=workers", f"rollouts.workers=[{address}]", "rollouts.check_every=1"]
    train("demo-dler", [*SMALL, *engine, f"rollouts.pool.weights={weights}"], out=place.folder / weights, quiet=True)
    steps = steps_of(place.folder / weights)
    failures = sum(step.get("rollouts/worker_failures") or 0 for step in steps)
    require(failures == 0, f"{failures:.0f} requests to the worker failed")
    return len(steps)


async def _rates(address: str, place: Place) -> Figures:
    """Rollouts with log-probs, all asked for at once."""
    rollouts, length = (ROLLOUTS, LENGTH) if place.cuda else (8, 64)
    worker = HttpWorker(address, load_config(resolve_model("demo")).vocab_size)
    prompts = [[row % 9 + 3] * 64 for row in range(rollouts)]
    asks = Ask.each(prompts, [length] * rollouts, Sampling(), eos_ids=[], seeds=list(range(rollouts)), logprobs=True)
    try:
        started = time.monotonic()
        await asyncio.gather(*map(worker.complete, asks))
        return {"tokens a second": rollouts * length / (time.monotonic() - started)}
    finally:
        await worker.close()


def _second_device() -> str | None:
    """What CUDA_VISIBLE_DEVICES calls it; to be asked before a run takes the first for its own."""
    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    return named.split(",")[1].strip() if count > 1 else None
