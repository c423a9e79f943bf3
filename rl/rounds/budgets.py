"""What a schedule's budgets become: a cap for the engine, words in a prompt, a yardstick for rewards."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from curricula import BudgetSchedule, GroupBudget, ProblemBudget
from curricula.schedule import floored
from rewards import Group, Problem
from rewards.types import Prompt
from rl.errors import UserError
from rl.plugins import guarded

MOST = 2**31 - 1
"""Tokens of a rollout that a file of rollouts can count."""

_PLACES = re.compile(r"\{(prompt|budget)\}")


@dataclass(frozen=True)
class Budgets:
    """A schedule, and how its budgets are used; the one place that the trainer asks.

    A rollout is stopped at its budget, unless `cap` (tokens) or `cap_factor` say otherwise. Where
    `in_prompt` is given, the budget is written into the user's turn, anew each round.
    """

    schedule: BudgetSchedule
    in_prompt: str | None = None
    cap: int | None = None
    cap_factor: float = 1.0

    def __post_init__(self) -> None:
        if self.in_prompt is not None and not {"prompt", "budget"} <= set(_PLACES.findall(self.in_prompt)):
            raise UserError(f"budget.in_prompt must hold {{prompt}} and {{budget}}, not {self.in_prompt!r}")
        if self.cap is not None and self.cap_factor != 1.0:
            raise UserError("budget.cap and budget.cap_factor exclude one another; remove one")
        if self.cap is not None and self.cap < self.schedule.maximum:
            raise UserError(
                f"budget.cap ({self.cap}) lies below the schedule's largest budget ({self.schedule.maximum}); raise it"
            )
        if not 1 <= self.cap_factor < math.inf:
            raise UserError(f"budget.cap_factor must be at least 1, not {self.cap_factor}")
        if max(self.schedule.maximum, self.cap or 0) > MOST / self.cap_factor:
            raise UserError(f"budget: more tokens than any model's context ({MOST}); lower the schedule, or its cap")

    @property
    def maximum(self) -> int:
        """Tokens that no rollout exceeds; the engine is built for it."""
        return self.cap_of(self.schedule.maximum)

    def of(self, step: int, problem: Problem) -> int:
        """The budget in tokens of a problem's rollouts in the round that begins with `step`."""
        with guarded(self.schedule, "budget"):
            if isinstance(self.schedule, ProblemBudget):
                return self.schedule.for_problem(step, problem.id)
            return self.schedule.at(step)

    def cap_of(self, budget: int) -> int:
        """Where a rollout with this budget is stopped, in tokens."""
        return floored(budget * self.cap_factor) if self.cap is None else self.cap

    def written(self, problem: Problem, budget: int | None) -> Problem:
        """The problem with the budget in its prompt, where there is one to write; its id stays."""
        if self.in_prompt is None or budget is None:
            return problem
        return replace(problem, prompt=_write(self.in_prompt, problem.prompt, budget))

    def rescored(self, group: Group, step: int) -> Group:
        """The group with the budget that its own accuracy gives it, where the schedule looks at that."""
        accuracy = group.accuracy()
        if accuracy is None or not isinstance(self.schedule, GroupBudget):
            return group
        with guarded(self.schedule, "budget"):
            budget = self.schedule.for_group(step, accuracy)
        return Group(group.problem, tuple(replace(r, budget=budget) for r in group.rollouts))


def _write(template: str, prompt: Prompt, budget: int) -> Prompt:
    if isinstance(prompt, str):
        values = {"prompt": prompt, "budget": str(budget)}
        return _PLACES.sub(lambda match: values[match.group(1)], template)
    *before, last = prompt
    return [*before, {**last, "content": str(_write(template, last["content"], budget))}]
