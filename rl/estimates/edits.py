"""What edits have a round sample for each rollout that trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewards.edits import Branching, Edit
from rl.estimates.compute import sampling_flops
from rl.estimates.shapes import Shape
from rl.rounds.editing import sizes


@dataclass(frozen=True)
class Drawn:
    """For each rollout that trains."""

    whole: float = 1.0
    """Rollouts that are sampled from their prompt."""
    branches: float = 0.0
    """Rollouts that go on from one of those."""
    tokens: float = 0.0
    """The most that are sampled for branches."""

    @property
    def together(self) -> float:
        """Rollouts that the engine is asked for at once."""
        return max(self.whole, self.branches)

    def flops(self, shape: Shape, prompt: float, share: float, cap: float) -> float:
        """Operations to sample them, if rollouts use this share of their cap; they branch in their middle."""
        whole = self.whole * sampling_flops(shape, prompt, share * cap)
        if not self.branches:
            return whole
        own = share * self.tokens / self.branches
        return whole + self.branches * sampling_flops(shape, prompt + share * cap / 2, own)


def drawn_for(edits: Sequence[Edit], size: int) -> Drawn:
    """By a run's edits, of whose groups `size` rollouts train. Errors: UserError for a size that cannot be."""
    counts = sizes(edits, size)
    most, tokens = 0, 0
    for edit, before, after in zip(edits, counts, counts[1:], strict=False):
        if isinstance(edit, Branching):
            new = after - before if after > before else after
            most, tokens = max(most, new), tokens + new * edit.extra
    return Drawn(counts[0] / size, most / size, tokens / size)
