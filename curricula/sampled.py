"""L1's budgets: one drawn for each problem (arXiv 2503.04697)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from curricula.schedule import whole


class Sampled:
    """A budget in tokens for each problem, drawn by its id and `seed` alone, so it never changes.

    n ~ U{minimum, …, maximum}, or one of `choices`: what a dial of few settings is trained on. These may have names,
    `{low: 30, high: 100}`, which prompts may state instead of the numbers.
    """

    name = "sampled"
    source = "arXiv 2503.04697"

    def __init__(
        self,
        minimum: int = 100,
        maximum: int = 4000,
        seed: int = 0,
        choices: Sequence[int] | Mapping[str, int] | None = None,
    ) -> None:
        whole(self.name, minimum=minimum, maximum=maximum)
        if minimum > maximum:
            raise ValueError(f"sampled: minimum ({minimum}) must not exceed maximum ({maximum})")
        self.choices: Sequence[int] = range(minimum, maximum + 1)
        self.efforts: Mapping[int, str] = {}
        if isinstance(choices, Mapping):
            self.efforts = {tokens: name for name, tokens in choices.items()}
            choices = list(choices.values())
        if choices is not None:
            if isinstance(choices, str) or not choices or len({*choices}) < len(choices):
                raise ValueError(f"sampled: choices must be different tokens, [30, 60, 100], say, not {choices!r}")
            whole(self.name, **{f"choice {place}": choice for place, choice in enumerate(choices, 1)})
            self.choices = sorted(choices)
        self.minimum, self.maximum, self.seed = self.choices[0], self.choices[-1], seed

    def at(self, step: int) -> int:
        return self.maximum

    def for_problem(self, step: int, problem_id: str) -> int:
        """The problem's budget in tokens."""
        drawn = int.from_bytes(blake2b(f"{self.seed}/{problem_id}".encode(), digest_size=8).digest(), "big")
        return self.choices[drawn % len(self.choices)]
