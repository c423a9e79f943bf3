"""A budget for thinking and one for the answer (arXiv 2505.05315)."""

from __future__ import annotations

from collections.abc import Mapping

from curricula.constant import Constant
from curricula.schedule import BudgetSchedule, Parts, ProblemBudget


class Split:
    """`thinking` and `answer` tokens; thinking that has used up its own is closed by the text `closing`.

    Either may be a schedule of its own, in a recipe as `thinking: {name: siri-cosine, …}`. `end` is the text that ends
    thinking, by default the tokenizer's own; `closing` is by default that text alone. Elastic Reasoning trains the
    closing too: `trains_closing`.
    """

    name = "split"
    source = "arXiv 2505.05315"

    def __init__(
        self,
        thinking: int | BudgetSchedule,
        answer: int | BudgetSchedule,
        closing: str | None = None,
        end: str | None = None,
        trains_closing: bool = False,
    ) -> None:
        self.thinking, self.answer = _schedule("thinking", thinking), _schedule("answer", answer)
        self.closing, self.end, self.trains_closing = closing, end, trains_closing
        self.maximum = self.thinking.maximum + self.answer.maximum

    @property
    def efforts(self) -> Mapping[int, str]:
        """What budgets of thinking are called, where they have names."""
        return getattr(self.thinking, "efforts", {})

    def at(self, step: int) -> int:
        return self.thinking.at(step) + self.answer.at(step)

    def split(self, step: int, problem_id: str) -> Parts:
        """The budgets in tokens."""
        return Parts(_of(self.thinking, step, problem_id), _of(self.answer, step, problem_id))


def _schedule(part: str, tokens: int | BudgetSchedule) -> BudgetSchedule:
    if isinstance(tokens, BudgetSchedule):
        return tokens
    try:
        return Constant(tokens)
    except ValueError:
        raise ValueError(f"split: {part} must be a whole number of at least 1, or a schedule, not {tokens!r}") from None


def _of(schedule: BudgetSchedule, step: int, problem_id: str) -> int:
    return schedule.for_problem(step, problem_id) if isinstance(schedule, ProblemBudget) else schedule.at(step)
