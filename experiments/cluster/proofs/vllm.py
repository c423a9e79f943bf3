"""vLLM in the trainer's process, asleep during updates, its weights compared with the trainer's at each step.

Without CUDA it stays awake.
"""

from __future__ import annotations

from contextlib import closing, nullcontext

import torch

from experiments.cluster.proofs.step import Figures, Place, require
from experiments.cluster.proofs.watched import SMALL, steps_of
from rl.models import load_model, resolve_model
from rl.recipe.rollout_parts import VllmPart
from rl.rollouts import Ask, Sampling
from rl.rollouts.vllm.engine import VllmEngine
from rl.run.train import train
from rl.trainer.copies import give_back

SHARE = 0.2
"""Of the device's memory."""


def run(place: Place) -> Figures:
    # As a run has it: compiled, asleep without its weights, which are loaded again each round.
    asleep = [f"rollouts.vllm={{sleep: 2, gpu_memory_utilization: {SHARE}}}"] if place.cuda else []
    engine = ["rollouts.engine=vllm", "rollouts.check_every=1", *asleep]
    train("demo-dler", [*SMALL, *engine], out=place.folder / "run", quiet=True)
    steps = steps_of(place.folder / "run")
    train("demo-dler-lora", [*SMALL, *engine], out=place.folder / "adapter", quiet=True)
    adapted = steps_of(place.folder / "adapter")
    require(len(steps) == len(adapted) == 4, "a run did not come to its end")
    return _figures(steps) | _rest(place)


def _figures(steps: list[dict[str, float]]) -> Figures:
    """TRL's comparison of the engine's log-probs with the trainer's, of all rollouts."""
    name = "sampling/sampling_logp_difference/mean"
    return {"log-probs apart in the mean": max(step[name] for step in steps if step.get(name) is not None)}


def _rest(place: Place) -> Figures:
    """What is free on the device before there is an engine, beside one that is awake, and beside one that rests."""
    name = resolve_model("demo")
    model = load_model(name, dtype=torch.bfloat16 if place.cuda else torch.float32)
    give_back()
    part = VllmPart(sleep=2, gpu_memory_utilization=SHARE) if place.cuda else VllmPart()
    before = _free(place)
    with closing(VllmEngine(name, part, 512, str(model.dtype).removeprefix("torch."))) as engine:
        engine.load_weights(lambda: nullcontext(model), 0)
        engine.generate(Ask.each([[5, 6, 7]], [16], Sampling(), eos_ids=[], seeds=[0]))
        awake = _free(place)
        engine.rest()
        resting = _free(place)
    if not place.cuda:
        return {}
    require(
        resting > awake, f"{awake:.1f} GB were free beside an engine that is awake, {resting:.1f} beside one at rest"
    )
    return {"GB free": before, "beside vLLM awake": awake, "beside vLLM at rest": resting}


def _free(place: Place) -> float:
    """GB of the device's memory."""
    if not place.cuda:
        return 0.0
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info()[0] / 1e9
