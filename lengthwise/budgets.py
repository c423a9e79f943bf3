"""Budget schedules: how many tokens a rollout may have. Knows no trainer, no model, no torch."""

from lengthwise import refuse_shadows

refuse_shadows("curricula")

from curricula.constant import Constant
from curricula.difficulty_tiers import DifficultyTiers
from curricula.sampled import Sampled
from curricula.schedule import BudgetSchedule, GroupBudget, Parts, ProblemBudget, SplitBudget
from curricula.siri import SiriCosine, SiriStair, SiriStairCosine
from curricula.split import Split
from curricula.stages import Stages
from curricula.train_long import Exponential, Linear, NDrop

__all__ = [
    "BudgetSchedule",
    "Constant",
    "DifficultyTiers",
    "Exponential",
    "GroupBudget",
    "Linear",
    "NDrop",
    "Parts",
    "ProblemBudget",
    "Sampled",
    "SiriCosine",
    "SiriStair",
    "SiriStairCosine",
    "Split",
    "SplitBudget",
    "Stages",
]
