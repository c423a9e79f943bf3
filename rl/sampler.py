"""Which problems come next: one stream, the same on every rank, that a checkpoint can hold."""

from __future__ import annotations

import random


class ProblemSampler:
    """Shuffled passes over `size` problems; the order of pass k is a function of (seed, k) alone."""

    def __init__(self, size: int, seed: int, shuffle: bool = True) -> None:
        self.size, self.seed, self.shuffle = size, seed, shuffle
        self.drawn = 0
        """Problems handed out so far; the whole state of the sampler."""
        self._current, self._order = -1, list[int]()

    def take(self, count: int) -> list[int]:
        """The next `count` indices. A problem may come twice only where a new pass begins."""
        taken = []
        for position in range(self.drawn, self.drawn + count):
            number, offset = divmod(position, self.size)
            taken.append(self._pass(number)[offset])
        self.drawn += count
        return taken

    def _pass(self, number: int) -> list[int]:
        if self._current != number:
            self._current, self._order = number, list(range(self.size))
            if self.shuffle:
                random.Random(f"{self.seed}/{number}").shuffle(self._order)
        return self._order

    def state_dict(self) -> dict[str, int]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.drawn = state["drawn"]
