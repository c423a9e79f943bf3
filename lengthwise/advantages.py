"""Advantage estimators: rewards become advantages. Of NumPy's arrays, or of torch's tensors."""

from lengthwise import refuse_shadows

refuse_shadows("rl")

from rl.credit.calling.types import AdvantageEstimator
from rl.credit.canon import Canon
from rl.credit.centred import Centred
from rl.credit.ddca import Ddca
from rl.credit.dler import Dler
from rl.credit.dler_tokens import DlerTokens
from rl.credit.drpo_weights import DrpoWeights
from rl.credit.gdpo import Gdpo
from rl.credit.gfpo import Gfpo
from rl.credit.group import Grpo
from rl.credit.lead import Lead
from rl.credit.maxrl import MaxRl
from rl.credit.none import Unchanged
from rl.credit.qglas import Qglas

__all__ = [
    "AdvantageEstimator",
    "Canon",
    "Centred",
    "Ddca",
    "Dler",
    "DlerTokens",
    "DrpoWeights",
    "Gdpo",
    "Gfpo",
    "Grpo",
    "Lead",
    "MaxRl",
    "Qglas",
    "Unchanged",
]
