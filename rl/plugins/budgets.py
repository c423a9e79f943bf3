"""A budget schedule asked what a judged group is to be held against."""

from __future__ import annotations

from dataclasses import replace

from curricula import BudgetSchedule, GroupBudget
from rewards import Group
from rl.plugins.guard import guarded


def rescored(schedule: BudgetSchedule, group: Group, step: int) -> Group:
    """The group with the budget in tokens that its own accuracy gives it, where the schedule looks at that."""
    accuracy = group.accuracy()
    if accuracy is None or not isinstance(schedule, GroupBudget):
        return group
    with guarded(schedule, "budget"):
        budget = schedule.for_group(step, accuracy)
    return Group(group.problem, tuple(replace(r, budget=budget) for r in group.rollouts))
