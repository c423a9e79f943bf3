"""`lengthwise serve` beside the trainer on one device: weights by files, log-probs compared at each step."""

from __future__ import annotations

import time

from experiments.cluster.proofs.step import Figures, Place, require
from experiments.cluster.proofs.watched import SMALL, steps_of
from experiments.local_workers import local_workers
from rl.run.train import train


def run(place: Place) -> Figures:
    started = time.monotonic()
    with local_workers("demo", 1, 512, "--gpu-memory-utilization", "0.2") as addresses:
        up = time.monotonic()
        engine = ["rollouts.engine=workers", f"rollouts.workers=[{addresses[0]}]", "rollouts.check_every=1"]
        train("demo-dler", [*SMALL, *engine], out=place.folder / "run", quiet=True)
    steps = steps_of(place.folder / "run")
    failures = sum(step.get("rollouts/worker_failures") or 0 for step in steps)
    require(failures == 0, f"{failures:.0f} requests to the worker failed")
    return {"seconds to start": up - started, "seconds to train": time.monotonic() - up, "steps": len(steps)}
