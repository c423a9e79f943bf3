"""Floating-point operations of sampling and of training, a multiplication and an addition counted as two."""

from __future__ import annotations

from dataclasses import dataclass

from rl.estimates.shapes import Shape


@dataclass(frozen=True)
class Passes:
    """How often a trained token goes through the model."""

    updates: int = 1
    """Times that it is trained on: `num_iterations`."""
    repeated: bool = False
    """Backward does forward again: gradient checkpointing or `sequence_chunk`."""
    without_gradient: int = 0
    """Forward passes for old log-probs and those of a reference model."""

    @property
    def of_layers(self) -> int:
        """Forward passes that they cost, a backward pass counted as two."""
        return self.updates * (4 if self.repeated else 3) + self.without_gradient

    @property
    def of_head(self) -> int:
        """The same of the projection to the vocabulary, which TRL always does again in backward."""
        return self.updates * 4 + self.without_gradient


def forward_flops(shape: Shape, prompt: float, completion: float) -> float:
    """A sequence forward through all layers: 2 a parameter and token, and its attention to what is before."""
    length = prompt + completion
    return shape.layers * (2 * shape.layer_parameters * length + 2 * shape.queries * length**2)


def head_flops(shape: Shape, tokens: float) -> float:
    return 2 * shape.head_parameters * tokens


def sampling_flops(shape: Shape, prompt: float, completion: float) -> float:
    """Of one rollout: its prompt read, each of its tokens written."""
    return forward_flops(shape, prompt, completion) + head_flops(shape, completion)


def training_flops(shape: Shape, prompt: float, completion: float, passes: Passes, sharing: int = 1) -> float:
    """Of one rollout: about 6 a parameter and token, 8 where backward does forward again, and what else there is.

    `sharing`: rollouts that go through the model with their prompt there once.
    """
    spared = forward_flops(shape, prompt, 0) * (1 - 1 / sharing)
    layers = (forward_flops(shape, prompt, completion) - spared) * passes.of_layers
    return layers + head_flops(shape, completion) * passes.of_head
