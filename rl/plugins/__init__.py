"""Plug-ins: what a recipe names becomes an object, is called, and is blamed by name where it fails.

Read `find.py` (names to classes and functions; `typed.py` holds options to their types), then `load.py` (one loader a
kind), then `rewards.py`, `functions.py` (reward functions of TRL and of other trainers) and `verifiers.py`: how rewards
and verifiers are called, and what of theirs is checked. `guard.py` keeps their code from taking the run with it;
`blame.py` words their errors.
Advantage estimators are loaded in `rl.credit`.
"""

from rl.plugins.blame import raised
from rl.plugins.find import built_in, load_object, option_name
from rl.plugins.functions import FunctionReward, function_values
from rl.plugins.guard import bounded, guarded, in_time
from rl.plugins.load import (
    is_of_others,
    load_asking,
    load_budget,
    load_credit,
    load_edit,
    load_order,
    load_reward,
    load_verifier,
)
from rl.plugins.rewards import OneTerm, is_batch, number, score_one, score_together, step_for, unguarded
from rl.plugins.verifiers import judge, judge_problems, raw_reward, readable

__all__ = [
    "FunctionReward",
    "OneTerm",
    "bounded",
    "built_in",
    "function_values",
    "guarded",
    "in_time",
    "is_batch",
    "is_of_others",
    "judge",
    "judge_problems",
    "load_asking",
    "load_budget",
    "load_credit",
    "load_edit",
    "load_object",
    "load_order",
    "load_reward",
    "load_verifier",
    "number",
    "option_name",
    "raised",
    "raw_reward",
    "readable",
    "score_one",
    "score_together",
    "step_for",
    "unguarded",
]
