"""O1-Pruner: length harmonizing against a frozen reference (arXiv 2501.12570)."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Values


class O1Pruner(Shaped):
    """R = L_ref / L - 1 + λ · (c - c_ref), against the reference model's own answers to the problem.

    L_ref (mean tokens) and c_ref (accuracy) are the columns `ref_length` and `ref_accuracy` of the
    problem; a recipe's `data.probe` measures both with the model that the run starts from. `lambda_` is
    λ, `lambda` in a recipe; 2 is our reading of the released settings for
    Marco-o1, which have 5 for QwQ. A length of 0 counts as 1 token.
    """

    name = "o1-pruner"
    source = "arXiv 2501.12570"
    group_only = True

    def __init__(self, lambda_: float = 2.0) -> None:
        at_least(self.name, 0, **{"lambda": lambda_})
        self.lambda_ = lambda_

    def __call__(self, group: Group, history: HistoryView) -> Values:
        reference = _column(group, "ref_accuracy")
        lengths = self.length_terms(group, history)
        return [
            None if term is None else term + self.lambda_ * (is_correct(r) - reference)
            for r, term in zip(group.rollouts, lengths, strict=True)
        ]

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """L_ref / L - 1."""
        reference = _column(group, "ref_length")
        return of_judged(group, lambda r: reference / max(r.length, 1) - 1)


def _column(group: Group, name: str) -> float:
    value = group.problem.columns.get(name)
    if not group.rollouts:
        return 0.0
    if value is None:
        raise ValueError(f"problem {group.problem.id!r} has no column {name!r}; let `data.probe` measure it")
    return float(value)
