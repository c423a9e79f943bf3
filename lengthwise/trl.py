"""Our rewards in a stock `trl.GRPOTrainer`. Brings torch and TRL."""

from lengthwise import refuse_shadows

refuse_shadows("rl")

from rl.elsewhere.trl_reward import TRLReward
from rl.models import load_tokenizer, resolve_model

__all__ = [
    "TRLReward",
    "load_tokenizer",
    "resolve_model",
]
