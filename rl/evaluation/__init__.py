"""Held-out problems, answered and judged under a protocol that stands beside every number.

What asks a model, in `sampling.py` and `measuring.py`, is imported from there: files of answers are read without it.
"""

from rl.evaluation.caps import at_cap
from rl.evaluation.presets import PRESETS, preset
from rl.evaluation.protocol import Data, LengthFilter, Protocol
from rl.evaluation.rows import Evaluation
from rl.prompts import encode_prompts

__all__ = [
    "PRESETS",
    "Data",
    "Evaluation",
    "LengthFilter",
    "Protocol",
    "at_cap",
    "encode_prompts",
    "preset",
]
