"""A penalty for repeated n-grams (Demystifying Long CoT, arXiv 2502.03373; HAPO's optional one)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewards.compact import Compact
from rewards.history import HistoryView
from rewards.repetition import tokens_of
from rewards.shaped import at_least, of_judged
from rewards.types import Group, Rollout, Values

Places = NDArray[np.int64]
Numbers = NDArray[np.uint64]
BASE, MORE = 0x9E3779B97F4A7C15, np.uint64(0x632BE59BD9B4E019)
"""Odd, so that it has an inverse; and what keeps a token of id 0 from counting nothing."""


class Ngram:
    """R = mean over the tokens of `penalty` where the token lies in an n-gram that occurred before, else 0.

    Stands beside other rewards; in [penalty, 0]. n = 40 and -0.05 are Demystifying Long CoT's;
    HAPO's code has n = 3. Of a logged rollout without token ids the words are compared.
    """

    name = "ngram"
    source = "arXiv 2502.03373"
    group_only = True

    def __init__(self, n: int = 40, penalty: float = -0.05) -> None:
        at_least(self.name, 1, n=n)
        if penalty > 0:
            raise ValueError(f"ngram: penalty must not be positive, got {penalty}")
        self.n, self.penalty = n, penalty

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return of_judged(group, lambda r: self.penalty * self.repeated(r))

    def repeated(self, rollout: Rollout) -> float:
        """The share of tokens inside a repeated occurrence of an n-gram, in [0, 1]."""
        tokens = rollout.token_ids or tokens_of(rollout)
        return share(repeats(tokens, self.n), self.n, len(tokens))


def share(starts: Places, n: int, length: int) -> float:
    """The share of the first `length` tokens inside those of the n-grams at `starts` that end there."""
    inside = starts[: np.searchsorted(starts, length - n, side="right")]
    if not len(inside):
        return 0.0
    return (n + int(np.minimum(np.diff(inside), n).sum())) / length


def repeats(tokens: Sequence[Hashable], n: int) -> Places:
    """Where an n-gram begins that occurred before, in order: in a prefix these are the same as far as it goes.

    Found by 64-bit hashes. N-grams whose hashes are equal are compared token by token; where one differs, which of
    32,768 random tokens happens about once in 10^10 times, all are looked for one by one. So the hashes only save time.
    """
    numbers = _numbered(tokens)
    if len(numbers) < n:
        return np.empty(0, np.int64)
    hashes = _hashes(numbers, n)
    order = np.argsort(hashes, kind="stable")
    again = hashes[order[1:]] == hashes[order[:-1]]
    earlier, later = order[:-1][again], order[1:][again]
    if any((numbers[earlier + k] != numbers[later + k]).any() for k in range(n if len(later) else 0)):
        return _one_by_one(tokens, n)
    return np.sort(later)


def _hashes(numbers: Numbers, n: int) -> Numbers:
    """Of each n-gram, (sum of number · BASE^place) mod 2^64, moved to where the first has place 0."""
    powers = np.cumprod(np.full(len(numbers), BASE, np.uint64))
    back = np.cumprod(np.full(len(numbers), pow(BASE, -1, 1 << 64), np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((numbers + MORE) * powers)])
    moved: Numbers = (sums[n:] - sums[:-n]) * back[: len(numbers) - n + 1]
    return moved


def _numbered(tokens: Sequence[Hashable]) -> Numbers:
    """Token ids as they are, words by a number each."""
    found: Any = np.asarray(tokens if isinstance(tokens, Compact) else list(tokens))
    if found.dtype.kind != "i":
        known: dict[Hashable, int] = {}
        found = np.array([known.setdefault(token, len(known)) for token in tokens], np.int64)
    return found.astype(np.uint64)  # type: ignore[no-any-return]


def _one_by_one(tokens: Sequence[Hashable], n: int) -> Places:
    seen: set[tuple[Hashable, ...]] = set()
    found = []
    for start in range(len(tokens) - n + 1):
        gram = tuple(tokens[start : start + n])
        if gram in seen:
            found.append(start)
        seen.add(gram)
    return np.array(found, np.int64)
