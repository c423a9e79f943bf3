"""AdaptThink's reward: not thinking is worth a little, where it does no harm (arXiv 2505.13417)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import is_correct, of_judged
from rewards.thinking import THINK
from rewards.types import Group, Rollout, Values


class AdaptThink:
    """R = c - c_ref + δ [no thinking], where c_ref is what the reference model scores on the problem.

    c_ref is column `ref_accuracy`, as `data.probe` measures it. A rollout does not think if it begins with `end`, as
    asking `adapt-think` has it. The advantage is R itself: `advantage: none`. Not thinking gains where its accuracy
    plus δ exceeds that of thinking.
    """

    name = "adapt-think"
    source = "arXiv 2505.13417"
    group_only = True

    def __init__(self, delta: float = 0.05, end: str = THINK.end) -> None:
        self.delta, self.end = delta, end

    def __call__(self, group: Group, history: HistoryView) -> Values:
        reference = group.problem.columns.get("ref_accuracy")
        if reference is None:
            raise ValueError("adapt-think needs column ref_accuracy; `data.probe` measures it")

        def of(rollout: Rollout) -> float:
            without = rollout.text.lstrip().startswith(self.end)
            return is_correct(rollout) - float(reference) + self.delta * without

        return of_judged(group, of)
