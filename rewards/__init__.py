"""What a rollout is worth. Plain Python: knows no trainer and no model.

`types.py` has the words (rollout, group, verdict), `verifier/` judges, `length/` holds the length rewards, one a
file, and `history.py` what they remember of a problem.
"""

from rewards.history import History, HistoryView
from rewards.types import (
    BatchReward,
    Group,
    GroupOnly,
    LengthReward,
    Monitor,
    Observer,
    Problem,
    Rollout,
    Termed,
    Verdict,
)

__all__ = [
    "BatchReward",
    "Group",
    "GroupOnly",
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
