"""L1's budgets: one drawn for each problem (arXiv 2503.04697)."""

from __future__ import annotations

from hashlib import blake2b

from curricula.schedule import whole


class Sampled:
    """n ~ U{minimum, …, maximum} tokens, a function of the problem's id and `seed` alone, so it never changes."""

    name = "sampled"
    source = "arXiv 2503.04697"

    def __init__(self, minimum: int = 100, maximum: int = 4000, seed: int = 0) -> None:
        whole(self.name, minimum=minimum, maximum=maximum)
        if minimum > maximum:
            raise ValueError(f"sampled: minimum ({minimum}) must not exceed maximum ({maximum})")
        self.minimum, self.maximum, self.seed = minimum, maximum, seed

    def at(self, step: int) -> int:
        return self.maximum

    def for_problem(self, step: int, problem_id: str) -> int:
        """The problem's budget in tokens."""
        drawn = int.from_bytes(blake2b(f"{self.seed}/{problem_id}".encode(), digest_size=8).digest(), "big")
        return self.minimum + drawn % (self.maximum - self.minimum + 1)
