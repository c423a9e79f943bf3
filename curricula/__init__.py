"""How long a rollout may be. Pure: step and difficulty in, token budget out."""

from curricula.constant import Constant
from curricula.schedule import BudgetSchedule

__all__ = ["BudgetSchedule", "Constant"]
