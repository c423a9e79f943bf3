"""AdaptThink: half of a group is made to think, half not to (arXiv 2505.13417)."""

from __future__ import annotations

from collections.abc import Sequence

from curricula.asking import Variant
from curricula.schedule import whole


class AdaptThink:
    """Variants `no-thinking`, forced to begin with `end`, and `thinking`, forced to begin with `begin`, half each.

    `begin` is what the model's thinking usually begins with. `no_thinking` tokens are the budget of those that do not
    think; the others have the schedule's. The forced token is trained, as the paper has it.
    """

    name = "adapt-think"
    source = "arXiv 2505.13417"

    def __init__(self, no_thinking: int = 4096, begin: str = "Alright", end: str = "</think>") -> None:
        whole(self.name, no_thinking=no_thinking)
        self.without = Variant("no-thinking", end, budget=no_thinking, trains_prefix=True)
        self.thinking = Variant("thinking", begin, trains_prefix=True)

    def variants(self, step: int, problem_id: str, size: int) -> Sequence[Variant]:
        if size % 2:
            raise ValueError(f"adapt-think: a group is two halves; {size} is odd")
        return [self.without] * (size // 2) + [self.thinking] * (size // 2)
