"""FSDP2 on one rank, by torchrun and the shipped configuration, with a KL term: its KL begins at 0, and it resumes.

Over gloo and in fp32 where there is no CUDA.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from experiments.cluster.proofs.step import Figures, Place, require
from experiments.cluster.proofs.watched import SMALL, Seen, require_alike, steps_of

CONFIGURATION = Path(__file__).parents[1] / "fsdp2.yaml"
BEGINS_BELOW = 1e-3
"""KL in nats a token: reference and policy are one model, which two kernels may round apart."""


def run(place: Place) -> Figures:
    out = place.folder / "run"
    seen, _ = _launch(place, out)
    steps = steps_of(out)
    require_alike(seen, place.device)
    first = steps[0]["kl"]
    require(abs(first) < BEGINS_BELOW, f"the KL of the first step is {first}: the reference is another model")
    for lost in ("final", "report", "checkpoints/checkpoint-4"):
        shutil.rmtree(out / lost)
    _, said = _launch(place, out)
    require("goes on from checkpoint-2" in said, "it did not go on from its checkpoint")
    require(len(steps_of(out)) == len(steps), "it did not come to its end again")
    return {"KL of step 1": first, "KL of the last step": steps[-1]["kl"]}


def settings(precision: str = "bf16") -> dict[str, str]:
    """What `accelerate launch` makes of the shipped configuration for each rank, in its environment."""
    options = yaml.safe_load(CONFIGURATION.read_text())["fsdp_config"]
    return {"ACCELERATE_USE_FSDP": "true", "ACCELERATE_MIXED_PRECISION": precision} | {
        name.upper(): str(value).lower() if isinstance(value, bool) else str(value) for name, value in options.items()
    }


def _launch(place: Place, out: Path) -> tuple[Seen, str]:
    target = place.folder / "seen.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "1", "-m"]
    recipe = ["experiments.cluster.proofs.watched", str(target), str(out), "demo-dler", *SMALL, "trainer.beta=0.04"]
    done = subprocess.run(
        [*command, *recipe],
        env={**os.environ, **settings("bf16" if place.cuda else "no")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    require(done.returncode == 0, f"torchrun ended with {done.returncode}: {done.stdout[-2000:]}")
    return json.loads(target.read_text()), done.stdout
