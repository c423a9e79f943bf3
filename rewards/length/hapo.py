"""HAPO: history-aware policy optimization (arXiv 2505.11225)."""

from __future__ import annotations

import math
from typing import Literal

from rewards.history import History, HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Hapo(Shaped):
    """R = c + w · r_len, where r_len compares the length with this problem's best so far.

    With h the history length (tokens) and f = cos(π/2 · min(L/h, 2)):

    - correct: r_len = max(clip, f), positive below h, 0 at h, at least `clip` beyond;
    - wrong: r_len = min(0, f), so a wrong answer shorter than h is not punished for exploring;
    - no history yet (or h = 0): r_len = 0.

    `shape="linear"` is the paper's linear variant with its tolerance of 10 %.
    `mode="min"` keeps the shortest correct length ever seen; `mode="mean"` the mean of all correct
    lengths. All rollouts of a visit are scored against the history of the visits before it.

    The paper's released code measures the decoded text tokenised anew, without EOS; here a length
    is the number of sampled tokens, EOS counted. Its optional n-gram penalty is off by default
    there and is a reward of its own here (`ngram`).
    """

    name = "hapo"
    source = "arXiv 2505.11225"

    def __init__(
        self,
        mode: Literal["min", "mean"] = "min",
        shape: Literal["cosine", "linear"] = "cosine",
        w: float = 1.0,
        clip: float = -0.7,
        tolerance: float = 0.1,
    ) -> None:
        if mode not in ("min", "mean"):
            raise ValueError(f"hapo: mode must be 'min' or 'mean', not {mode!r}")
        if shape not in ("cosine", "linear"):
            raise ValueError(f"hapo: shape must be 'cosine' or 'linear', not {shape!r}")
        if not 0 <= w <= 1:
            raise ValueError(f"hapo: w must lie in [0, 1], not {w}")
        if not -1 < clip <= 0:
            raise ValueError(f"hapo: clip must lie in (-1, 0], not {clip}")
        at_least(self.name, 0, tolerance=tolerance)
        self.mode, self.shape, self.w, self.clip, self.tolerance = mode, shape, w, clip, tolerance

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        entry = history.get(self.name, group.problem.id)
        best = entry["length"] if entry else 0.0
        return of_judged(group, lambda r: self._term(r, best))

    def combine(self, rollout: Rollout, term: float) -> float:
        return float(is_correct(rollout)) + self.w * term

    def _term(self, rollout: Rollout, best: float) -> float:
        """r_len before its weight, in [clip, 1] where correct and [-1, 0] where wrong."""
        if best <= 0:
            return 0.0
        correct = is_correct(rollout)
        if self.shape == "cosine":
            value = math.cos(math.pi / 2 * min(rollout.length / best, 2.0))
            return max(self.clip, value) if correct else min(0.0, value)
        excess = rollout.length - (1 + self.tolerance) * best
        if excess >= 0:
            return max(self.clip if correct else -1.0, -excess / best)
        return max(0.0, 1 - rollout.length / best) if correct else 0.0

    def observe(self, group: Group, history: History) -> None:
        """Fold the correct lengths of this visit into the problem's history."""
        lengths = [r.length for r in group.correct()]
        if not lengths:
            return
        entry = history.get(self.name, group.problem.id) or {"length": math.inf, "count": 0}
        count = entry["count"] + len(lengths)
        if self.mode == "min":
            length = min(entry["length"], *map(float, lengths))
        elif entry["count"] == 0:
            length = sum(lengths) / len(lengths)
        else:
            length = (entry["count"] * entry["length"] + sum(lengths)) / count
        history.put(self.name, group.problem.id, {"length": length, "count": count})
