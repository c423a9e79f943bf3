"""The most memory a rank takes, and when: sampling, at the start of a backward pass, or at its end."""

from __future__ import annotations

from dataclasses import dataclass

from rl.estimates import activations
from rl.estimates.cache import sampling
from rl.estimates.setup import Setup
from rl.estimates.states import states

Parts = dict[str, float]

ASLEEP = 1.5e9
"""Bytes that a vLLM engine keeps while it sleeps: its CUDA graphs. Reckoned."""


@dataclass(frozen=True)
class Memory:
    """Bytes by what they are, in each phase of a round; a vLLM engine's where the device is known."""

    phases: dict[str, Parts]
    host: Parts

    @property
    def worst(self) -> str:
        """The phase that takes most."""
        return max(self.phases, key=lambda phase: sum(self.phases[phase].values()))

    @property
    def peak(self) -> float:
        """Bytes of the phase that takes most."""
        return sum(self.phases[self.worst].values())


def _engine(setup: Setup) -> Parts:
    """What stands beside the trainer's own while a round is sampled: an engine in its process, a copy of the weights.

    The copy of sharded weights is there unless workers sample; one for a vLLM that slept goes before its cache comes.
    """
    copied = setup.launch.sharding == "zero3" or setup.engine != "workers"
    gathered = copied and setup.launch.shares_weights and setup.launch.ranks > 1
    whole = float(setup.shape.parameters * setup.compute_bytes) if gathered else 0.0
    if setup.vllm_bytes and setup.vllm_sleep:
        whole = max(0.0, whole - max(0.0, setup.vllm_bytes - setup.vllm_fixed / setup.tensor_parallel))
    return {name: size for name, size in (("whole weights", whole), ("vLLM", setup.vllm_bytes)) if size}


def memory(setup: Setup) -> Memory:
    """What a rank takes above a process that has loaded no model."""
    device, host = states(setup)
    gradients = device.pop("gradients", 0.0)
    half = device.pop("weights in half precision", 0.0)
    lasting = {name: size for name, size in device.items() if name != "gathered weights"}
    working = {
        k: v
        for k, v in (("weights in half precision", half), ("gathered weights", device.get("gathered weights", 0.0)))
        if v
    }
    shape = setup.shape
    # Gradients come into being layer by layer, as what the layers saved goes; with more micro-batches they stay.
    kept = gradients if setup.micro_batches > 1 else 0.0
    asleep = min(ASLEEP, setup.vllm_bytes) if setup.vllm_sleep else setup.vllm_bytes
    if asleep:
        working["vLLM"] = asleep
    if setup.offload_activations:
        host["activations"] = activations.layer_inputs(setup)
    embedding = 0.0 if setup.trained is not None else shape.head_parameters * 4.0
    return Memory(
        {
            "sampling": {**lasting, **_engine(setup), **sampling(setup)},
            "update, backward begins": {
                **lasting,
                **working,
                "gradients": kept,
                "activations": activations.layers(setup),
                "projection to the vocabulary": activations.head(setup),
            },
            "update, backward ends": {
                **lasting,
                **working,
                "gradients": gradients,
                "activations": activations.in_a_layer(setup) + embedding,
            },
        },
        host,
    )
