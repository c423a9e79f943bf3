"""vLLM in the trainer's process, asleep during updates, its weights compared with the trainer's at each step."""

from __future__ import annotations

from experiments.cluster.proofs.step import Figures, Place, require
from experiments.cluster.proofs.watched import SMALL, steps_of
from rl.run.train import train

GRAPHS = "rollouts.vllm={sleep: 2, gpu_memory_utilization: 0.2}"
"""As a run has it: compiled, asleep without its weights, which are loaded again each round."""


def run(place: Place) -> Figures:
    engine = ["rollouts.engine=vllm", "rollouts.check_every=1", GRAPHS]
    train("demo-dler", [*SMALL, *engine], out=place.folder / "run", quiet=True)
    steps = steps_of(place.folder / "run")
    train("demo-dler-lora", [*SMALL, *engine], out=place.folder / "adapter", quiet=True)
    adapted = steps_of(place.folder / "adapter")
    require(len(steps) == len(adapted) == 4, "a run did not come to its end")
    return _figures(steps)


def _figures(steps: list[dict[str, float]]) -> Figures:
    """TRL's comparison of the engine's log-probs with the trainer's, of all rollouts."""
    name = "sampling/sampling_logp_difference/mean"
    return {"log-probs apart in the mean": max(step[name] for step in steps if step.get(name) is not None)}
