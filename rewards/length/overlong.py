"""DAPO's soft overlong punishment (arXiv 2503.14476, Eq. 13)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, budget_of, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Overlong(Shaped):
    """R = ±1 for right or wrong, plus R_len: 0 up to L_max - L_cache, then down linearly to -1 at L_max.

    L_max is the budget in force for the rollout, so it follows a schedule; `max_length` fixes
    another. `cache` is L_cache, the tokens over which the punishment grows.
    """

    name = "overlong"
    source = "arXiv 2503.14476"
    group_only = True

    def __init__(self, cache: int = 4096, max_length: int | None = None) -> None:
        at_least(self.name, 1, cache=cache, max_length=max_length)
        if max_length is not None and cache > max_length:
            raise ValueError(f"overlong: cache ({cache}) must not exceed max_length ({max_length})")
        self.cache, self.max_length = cache, max_length

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        return of_judged(group, self._punishment)

    def _punishment(self, rollout: Rollout) -> float:
        maximum = budget_of(rollout, self.max_length)
        if self.cache > maximum:
            raise ValueError(f"overlong: cache ({self.cache}) must not exceed the budget ({maximum:g})")
        return max(-1.0, min(0.0, (maximum - self.cache - rollout.length) / self.cache))

    def combine(self, rollout: Rollout, term: float) -> float:
        return (1.0 if is_correct(rollout) else -1.0) + term
