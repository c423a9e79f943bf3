"""Rollouts that are there already, scored as training would. Brings no torch."""

from lengthwise import refuse_shadows

refuse_shadows("rl")

from rl.elsewhere.completed import Told
from rl.elsewhere.offline import advantages, budgets, score
from rl.elsewhere.rollout_files import Logged, read_rollouts

__all__ = [
    "Logged",
    "Told",
    "advantages",
    "budgets",
    "read_rollouts",
    "score",
]
