"""DA-DLER: the easier a problem proves, the shorter its budget (arXiv 2510.15110, section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence

from curricula.schedule import whole


class DifficultyTiers:
    """Rollouts are sampled at the largest budget, then scored at that of their group's accuracy.

    With n rising `thresholds` there are n + 1 budgets, `tokens`, in any order: an accuracy above
    none of the thresholds has the largest, above all of them the smallest. Exactly on a threshold
    counts as below it; the paper leaves that open, as it does under which budget accuracy is taken.
    """

    name = "difficulty-tiers"
    source = "arXiv 2510.15110"

    def __init__(self, thresholds: Sequence[float] = (0.5,), tokens: Sequence[int] = (4000, 2000)) -> None:
        for option, values in (("thresholds", thresholds), ("tokens", tokens)):
            if not isinstance(values, list | tuple):
                raise ValueError(f"difficulty-tiers: {option} must be a list, not {values!r}")
        if len(tokens) != len(thresholds) + 1:
            raise ValueError(f"difficulty-tiers: {len(thresholds)} thresholds need {len(thresholds) + 1} budgets")
        if not all(isinstance(t, int | float) for t in thresholds):
            raise ValueError(f"difficulty-tiers: thresholds must be numbers, not {list(thresholds)}")
        if list(thresholds) != sorted(set(thresholds)) or not all(0 <= t <= 1 for t in thresholds):
            raise ValueError(f"difficulty-tiers: thresholds must rise within [0, 1], not {list(thresholds)}")
        for budget in tokens:
            whole(self.name, tokens=budget)
        self.thresholds = tuple(thresholds)
        self.tokens = tuple(sorted(tokens, reverse=True))
        self.maximum = self.tokens[0]

    def at(self, step: int) -> int:
        return self.maximum

    def for_group(self, step: int, accuracy: float) -> int:
        """The budget in tokens of a group with this accuracy, in [0, 1]."""
        if not 0 <= accuracy <= 1:
            raise ValueError(f"difficulty-tiers: an accuracy lies in [0, 1], not {accuracy}")
        return self.tokens[sum(accuracy > threshold for threshold in self.thresholds)]
