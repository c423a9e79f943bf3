"""What a recipe names becomes an object: built-in names, `file.py:Name`, `module:Name`, entry points.

Brings no torch.
"""

from lengthwise import refuse_shadows

refuse_shadows("rl")

from rl.credit.calling.load import load_advantage
from rl.plugins import (
    built_in,
    load_asking,
    load_budget,
    load_credit,
    load_edit,
    load_order,
    load_reward,
    load_verifier,
)

__all__ = [
    "built_in",
    "load_advantage",
    "load_asking",
    "load_budget",
    "load_credit",
    "load_edit",
    "load_order",
    "load_reward",
    "load_verifier",
]
