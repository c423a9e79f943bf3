"""A penalty for repeated n-grams (Demystifying Long CoT, arXiv 2502.03373; HAPO's optional one)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.repetition import tokens_of
from rewards.shaped import at_least, of_judged
from rewards.types import Group, Rollout, Values


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
        tokens = tokens_of(rollout)
        seen = set()
        marked = 0
        end = 0  # tokens before this index are counted already
        for start in range(len(tokens) - self.n + 1):
            gram = tuple(tokens[start : start + self.n])
            if gram in seen:
                marked += start + self.n - max(end, start)
                end = start + self.n
            seen.add(gram)
        return marked / len(tokens) if tokens else 0.0
