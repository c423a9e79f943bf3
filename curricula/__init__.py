"""How long a rollout may be. Pure: step and difficulty in, token budget out."""

from curricula.schedule import BudgetSchedule, Constant

__all__ = ["BudgetSchedule", "Constant"]
