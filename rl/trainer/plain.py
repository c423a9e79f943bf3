"""TRL's updates as they are: rollouts padded to the longest, in micro-batches of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from rl.rounds.round import Round

Theirs = Callable[..., Any]
"""TRL's own method of the name."""


class PlainUpdates:
    """Hands everything to TRL. `rl.trainer.packed.PackedUpdates` has the same methods, and does more in them."""

    def begin(self, round_: Round) -> None:
        """TRL is about to build its batch of this round."""

    def end(self, output: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """TRL has built it: what this rank trains on."""
        return [output]

    def prepare(self, theirs: Theirs, batch: Any) -> Any:
        """TRL's `_prepare_inputs`."""
        return theirs(batch)

    def step(self, theirs: Theirs, model: Any, inputs: Any, num_items_in_batch: Any) -> Tensor:
        """TRL's `training_step`."""
        loss: Tensor = theirs(model, inputs, num_items_in_batch)
        return loss

    def loss(self, theirs: Theirs, model: Any, inputs: dict[str, Any]) -> Tensor:
        """TRL's `_compute_loss`."""
        loss: Tensor = theirs(model, inputs)
        return loss

    def log_probs(self, theirs: Theirs, model: Any, *args: Any, **kwargs: Any) -> Any:
        """TRL's `_get_per_token_logps_and_entropies`."""
        return theirs(model, *args, **kwargs)
