"""Train Long, Think Short: rewards for using a stated budget (arXiv 2508.08940, section 3)."""

from __future__ import annotations

from abc import abstractmethod

from rewards.format import TagFormat
from rewards.history import HistoryView
from rewards.shaped import Part, Shaped, at_least, is_correct, of_judged, spent
from rewards.types import Group, Rollout, Values


class _BudgetShape(Shaped):
    def __init__(
        self,
        target: int | None = None,
        lambda_correct: float = 0.6,
        lambda_length: float = 0.3,
        lambda_format: float = 0.1,
        r_correct: float = 1.0,
        r_max: float = 1.0,
        part: Part = "all",
    ) -> None:
        at_least(self.name, 1, target=target)
        at_least(self.name, 0, lambda_correct=lambda_correct, lambda_length=lambda_length, lambda_format=lambda_format)
        at_least(self.name, 0, r_correct=r_correct, r_max=r_max)
        self.target, self.part = target, part
        self.lambda_correct, self.lambda_length, self.lambda_format = lambda_correct, lambda_length, lambda_format
        self.r_correct, self.r_max = r_correct, r_max
        self.format = TagFormat()

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        return of_judged(group, self._term)

    def _term(self, rollout: Rollout) -> float:
        tokens, budget = spent(rollout, self.part, self.target)
        return self.shape(tokens / budget)

    @abstractmethod
    def shape(self, share: float) -> float:
        """R_len / R_max at `share` = L / B."""

    def combine(self, rollout: Rollout, term: float) -> float:
        return (
            self.lambda_correct * self.r_correct * is_correct(rollout)
            + self.lambda_length * self.r_max * term
            + self.lambda_format * self.format.of(rollout)
        )

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        return super().terms(group, history) | {"format": self.format(group, history)}


class Triangular(_BudgetShape):
    """R = λc · R_correct · c + λl · R_len + λf · R_format, R_len highest at exactly the budget.

    R_len rises linearly from 0 at L = 0 to `r_max` at L = B, falls as it rose, and is 0 from 2B on.
    It is not gated by correctness: a wrong answer of exactly B tokens earns all of it, so where
    λl · R_max > λc · R_correct it beats a correct one far off budget. That is the paper's.

    B is the rollout's budget, which the paper writes into the prompt too; `target` fixes another.
    R_format is `format`'s. The paper states λ for two ablations only, (λc, λl) = (0.3, 0.6) and
    (0.6, 0.3); the default is the second, which it found more accurate, and the rest is the format's.
    """

    name = "triangular"
    source = "arXiv 2508.08940"
    group_only = True

    def shape(self, share: float) -> float:
        return max(0.0, min(share, 2 - share))


class Band(_BudgetShape):
    """As `triangular`, but all of R_len is earned anywhere up to the budget: flat, then decay to 0 at 2B."""

    name = "band"
    source = "arXiv 2508.08940"
    group_only = True

    def shape(self, share: float) -> float:
        return max(0.0, min(1.0, 2 - share))
