"""HBPO: subgroups that state budgets of their own (arXiv 2507.15844)."""

from __future__ import annotations

from collections.abc import Sequence

from curricula.asking import Variant
from curricula.schedule import whole


class Hbpo:
    """Equal parts of a group, each made to begin with `text` for one of `budgets` tokens, which is its budget.

    Rollouts go on beyond it, up to the schedule's (`budget.cap`), and reward and token credit `hbpo` say what that is
    worth. The forced text does not train; whether it does in the paper was not to be read.
    """

    name = "hbpo"
    source = "arXiv 2507.15844"

    def __init__(
        self,
        budgets: Sequence[int] = (512, 1024, 2048, 2560),
        text: str = "I will answer the question within {budget} tokens. ",
    ) -> None:
        for budget in budgets:
            whole(self.name, budgets=budget)
        if not budgets or "{budget}" not in text:
            raise ValueError("hbpo: there must be budgets, and a text that holds {budget}")
        self.each = [Variant(f"{b}", text.replace("{budget}", str(b)), budget=b) for b in budgets]

    def variants(self, step: int, problem_id: str, size: int) -> Sequence[Variant]:
        if size % len(self.each):
            raise ValueError(f"hbpo: {len(self.each)} subgroups of one size do not make a group of {size}")
        return [variant for variant in self.each for _ in range(size // len(self.each))]
