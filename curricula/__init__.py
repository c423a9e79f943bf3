"""How long a rollout may be, and which problem comes next. Pure: step and difficulty in, tokens or indices out.

`schedule.py` and `order.py` say what a budget schedule and a problem order are; the other files are one schedule each.
"""

from curricula.constant import Constant
from curricula.order import Admission, ProblemOrder, Uniform
from curricula.schedule import BudgetSchedule, GroupBudget, ProblemBudget

__all__ = ["Admission", "BudgetSchedule", "Constant", "GroupBudget", "ProblemBudget", "ProblemOrder", "Uniform"]
