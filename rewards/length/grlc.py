"""Group relative length control: thinking and answer apart (Nemotron 3 Nano, arXiv 2512.20848, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable

from rewards.history import HistoryView
from rewards.percentile import percentile
from rewards.shaped import at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values

Length = Callable[[Rollout], int]


class Grlc:
    """R = c + w_t · thinking + w_a · answer + bonuses: each part a length of its own, compared within the group.

    A part is 1 - (l - min) / (max - min), minus its mean over the group; 0 where all are equal. A `bonus` goes to the
    one rollout of the shortest thinking if its c is at least the group's `percentile` of c, and another to that of the
    shortest answer; the first of equals has it, and none has it where all are equal.

    The report gates nothing by correctness, so a wrong answer earns by being short, and one that never ends its
    thinking has the shortest answer of all. `gated` compares right answers among themselves and leaves the others 0.
    How the percentile lies between two values is not stated: linearly, here.
    """

    name = "grlc"
    source = "arXiv 2512.20848"
    group_only = True

    def __init__(
        self,
        w_thinking: float = 0.5,
        w_answer: float = 0.5,
        bonus: float = 0.5,
        percentile: float = 0.8,
        gated: bool = False,
    ) -> None:
        at_least(self.name, 0, w_thinking=w_thinking, w_answer=w_answer, bonus=bonus)
        if not 0 <= percentile <= 1:
            raise ValueError(f"grlc: percentile must lie in [0, 1], not {percentile}")
        self.w_thinking, self.w_answer, self.bonus = w_thinking, w_answer, bonus
        self.percentile, self.gated = percentile, gated

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        """`correct`, the unweighted parts `thinking` and `answer`, and how many times a rollout has the `bonus`."""
        members = [
            i for i, r in enumerate(group.rollouts) if (is_correct(r) if self.gated else r.raw_reward is not None)
        ]
        correct = [r.raw_reward for r in group.rollouts]
        thinking, first = self._part(group, members, lambda r: r.thinking)
        answer, second = self._part(group, members, lambda r: r.answer)
        bonus = [None if worth is None else float((i == first) + (i == second)) for i, worth in enumerate(correct)]
        return {"correct": correct, "thinking": thinking, "answer": answer, "bonus": bonus}

    def _part(self, group: Group, members: list[int], length: Length) -> tuple[Values, int | None]:
        """The part of each rollout, and the place of the one that has its bonus."""
        values = of_judged(group, lambda r: 0.0)
        lengths = {i: length(group.rollouts[i]) for i in members}
        low, high = min(lengths.values(), default=0), max(lengths.values(), default=0)
        if low == high:
            return values, None
        parts = {i: 1 - (own - low) / (high - low) for i, own in lengths.items()}
        mean = sum(parts.values()) / len(parts)
        for i, part in parts.items():
            values[i] = part - mean
        shortest = min(members, key=lengths.__getitem__)
        worth = {
            i: group.rollouts[i].raw_reward or 0.0 for i, r in enumerate(group.rollouts) if r.raw_reward is not None
        }
        return values, shortest if worth[shortest] >= percentile(list(worth.values()), self.percentile) else None

    def __call__(self, group: Group, history: HistoryView) -> Values:
        terms = self.terms(group, history)
        weights = {"correct": 1.0, "thinking": self.w_thinking, "answer": self.w_answer, "bonus": self.bonus}
        return [
            None if r.raw_reward is None else sum(weights[name] * (terms[name][i] or 0.0) for name in weights)
            for i, r in enumerate(group.rollouts)
        ]
