"""Toggle: a budget in force and not in force by turns (Kimi K2.5, arXiv 2602.02276)."""

from __future__ import annotations

from rewards.history import History, HistoryView
from rewards.percentile import percentile
from rewards.shaped import at_least, is_correct, of_judged
from rewards.types import Group, Values


class Toggle:
    """For `interval` steps R = c · 1[accuracy < `threshold` or L ≤ budget], for as many R = c, and so on.

    Accuracy is the group's. The budget is the problem's own: the `percentile` of the lengths of its right answers at
    its first visit, linearly between two neighbours, and stays. Before that visit, and for a problem that had no right
    answer then, there is none and R = c. The report states neither interval, threshold nor percentile.
    """

    name = "toggle"
    source = "arXiv 2602.02276"

    def __init__(self, interval: int = 50, threshold: float = 0.5, percentile: float = 0.5) -> None:
        at_least(self.name, 1, interval=interval)
        for option, value in {"threshold": threshold, "percentile": percentile}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"toggle: {option} must lie in [0, 1], not {value}")
        self.interval, self.threshold, self.percentile = interval, threshold, percentile

    def terms(self, group: Group, history: HistoryView, step: int = 0) -> dict[str, Values]:
        """`correct`, and `length`: 0 where a budget is in force and exceeded, else 1."""
        budget = self._in_force(group, history, step)
        within = of_judged(group, lambda r: float(budget is None or r.length <= budget))
        return {"correct": [r.raw_reward for r in group.rollouts], "length": within}

    def __call__(self, group: Group, history: HistoryView, step: int = 0) -> Values:
        terms = self.terms(group, history, step)["length"]
        return [
            None if term is None else is_correct(rollout) * term
            for rollout, term in zip(group.rollouts, terms, strict=True)
        ]

    def _in_force(self, group: Group, history: HistoryView, step: int) -> float | None:
        free = step // self.interval % 2 == 1 or (group.accuracy() or 0.0) < self.threshold
        entry = history.get(self.name, group.problem.id) or {}
        return None if free else entry.get("budget")

    def observe(self, group: Group, history: History) -> None:
        """The problem's budget by its first visit; an entry without one where nobody was right."""
        if not group.judged() or history.get(self.name, group.problem.id) is not None:
            return
        lengths = [r.length for r in group.correct()]
        history.put(self.name, group.problem.id, {"budget": percentile(lengths, self.percentile)} if lengths else {})
