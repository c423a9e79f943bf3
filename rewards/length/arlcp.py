"""ARLCP: penalties of reflection and of length, in a proportion that follows reflection (ICLR 2026)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from statistics import fmean, stdev

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values

WORDS = (
    *("wait", "alternatively", "hold on", "another thought", "verify", "think again", "but", "however"),
    *("alternative", "check", "double-check", "oh", "hmm"),
)
REFLECTION = re.compile(rf"\b(?:{'|'.join(map(re.escape, WORDS))})\b", re.IGNORECASE)
"""One match each; `double-check` is one."""
TIERS = (0.05, 0.1, 0.15)
"""The weight of reflection up to the first number of words, up to the second, beyond."""


class Arlcp(Shaped):
    """Right: R = 1 - w1 · σ(z of reflection) - w2 · σ(z of length); wrong: 0.

    Reflection is the number of words like "wait" and "however" in the text. z is over the group's right rollouts, with
    the sample deviation; 0 where that is 0, and for one alone. w1 is 0.05, 0.1 or 0.15 by the rollout's own count: up
    to the first of `counts`, up to the second, beyond; w2 = `total` - w1.
    """

    name = "arlcp"
    source = "github.com/ZeweiYu1/ARLCP"
    group_only = True

    def __init__(self, counts: tuple[int, int] = (40, 80), total: float = 0.2) -> None:
        if not 0 <= counts[0] <= counts[1]:
            raise ValueError(f"arlcp: counts must be two rising numbers of words, not {list(counts)}")
        at_least(self.name, TIERS[-1], total=total)
        self.counts, self.total = counts, total

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """What a right rollout pays, reflection and length together and signed; 0 where wrong."""
        right = group.correct()
        words = [reflections(r) for r in right]
        z_words, z_length = _z(words), _z([r.length for r in right])
        costs = iter(
            [self._cost(count, z_words(count), z_length(r.length)) for r, count in zip(right, words, strict=True)]
        )
        return of_judged(group, lambda r: -next(costs) if is_correct(r) else 0.0)

    def _cost(self, words: int, z_words: float, z_length: float) -> float:
        weight = TIERS[sum(words > most for most in self.counts)]
        return weight * _sigmoid(z_words) + (self.total - weight) * _sigmoid(z_length)


def reflections(rollout: Rollout) -> int:
    """How many words of reflection its text has."""
    return sum(1 for _ in REFLECTION.finditer(rollout.text))


def _z(values: list[int]) -> Callable[[int], float]:
    mean, scale = fmean(values or [0]), stdev(values) if len(values) > 1 else 0.0
    return lambda value: (value - mean) / scale if scale else 0.0


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))
