"""What a rollout is worth. Plain Python: knows no trainer and no model."""

from rewards.history import History, HistoryView
from rewards.types import Group, LengthReward, Monitor, Observer, Problem, Rollout, Termed, Verdict

__all__ = [
    "Group",
    "History",
    "HistoryView",
    "LengthReward",
    "Monitor",
    "Observer",
    "Problem",
    "Rollout",
    "Termed",
    "Verdict",
]
