"""Held-out problems, answered and judged under a protocol that stands beside every number."""

from rl.evaluation.caps import at_cap
from rl.evaluation.presets import PRESETS, preset
from rl.evaluation.protocol import Data, LengthFilter, Protocol
from rl.evaluation.rows import Evaluation
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.prompts import encode_prompts

__all__ = [
    "PRESETS",
    "Answerer",
    "Data",
    "Evaluation",
    "LengthFilter",
    "Protocol",
    "at_cap",
    "encode_prompts",
    "end_ids",
    "evaluate",
    "preset",
]
