"""What an update sends besides gradients: between ranks that share a micro-batch, and to host memory and back."""

from __future__ import annotations

from dataclasses import dataclass

from rl.estimates.activations import key_copies, residual_bytes
from rl.estimates.compute import Passes
from rl.estimates.devices.cards import Card
from rl.estimates.setup import Setup


@dataclass(frozen=True)
class Traffic:
    """Bytes, of all ranks of a run."""

    between: float = 0.0
    """Ranks that share micro-batches."""
    host: float = 0.0
    """A device and its host, both ways."""

    def seconds(self, card: Card | None, ranks: int) -> float:
        """As if nothing else were done meanwhile, at the card's data sheet; 0 where no card is known."""
        return 0.0 if card is None else (self.between / card.link + self.host / card.host) / (ranks * 1e9)


def of_rollout(setup: Setup, passes: Passes, tokens: float) -> Traffic:
    """Of one rollout of so many tokens, its prompt counted.

    In each layer and pass ranks trade queries, keys and values of their tokens for those of their heads, and what was
    attended the other way round, of which each rank's own part stays. A backward pass trades what a forward does.
    """
    shape, ranks = setup.shape, degree(setup, tokens)
    traded = 2 * shape.queries + 2 * shape.keys * key_copies(setup)
    times = passes.updates * (3 if passes.repeated else 2) + passes.without_gradient
    between = tokens * shape.layers * traded * setup.compute_bytes * times * (1 - 1 / ranks)
    kept = tokens * shape.layers * shape.hidden * residual_bytes(setup) if setup.offload_activations else 0.0
    return Traffic(between, 2 * passes.updates * kept)


def degree(setup: Setup, tokens: float) -> int:
    """Ranks that share a rollout: as few as hold it, where a micro-batch's tokens are what all of them hold."""
    most = setup.sequence_ranks
    room = (setup.packed or tokens) / most
    fitting = (n for n in range(1, most + 1) if most % n == 0 and n * room >= tokens)
    return next(fitting, most)
