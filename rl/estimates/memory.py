"""The most memory a rank takes, and when: sampling, at the start of a backward pass, or at its end."""

from __future__ import annotations

from dataclasses import dataclass

from rl.estimates import activations
from rl.estimates.cache import sampling
from rl.estimates.setup import Setup
from rl.estimates.states import states

Parts = dict[str, float]


@dataclass(frozen=True)
class Memory:
    """Bytes by what they are, in each phase of a round. A vLLM engine's share of the device is not in it."""

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


def _gathered(setup: Setup) -> Parts:
    """The whole copy of sharded weights that is there while a round is sampled, unless workers sample it."""
    copied = setup.launch.sharding == "zero3" or setup.engine != "workers"
    whole = setup.shape.parameters * setup.compute_bytes
    return {"whole weights": whole} if copied and setup.launch.shares_weights and setup.launch.ranks > 1 else {}


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
    embedding = 0.0 if setup.trained is not None else shape.head_parameters * 4.0
    return Memory(
        {
            "sampling": {**lasting, **_gathered(setup), **sampling(setup)},
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
