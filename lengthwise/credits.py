"""Token credits: which tokens of a rollout earned its advantage. Knows no trainer, no model, no torch."""

from lengthwise import refuse_shadows

refuse_shadows("rewards")

from rewards.credit import BatchCredit, Paired, TokenCredit
from rewards.credit.brpo import Brpo
from rewards.credit.decs import Decs
from rewards.credit.hbpo import Hbpo
from rewards.credit.lc_r1 import LcR1
from rewards.credit.thinkless import Thinkless

__all__ = [
    "BatchCredit",
    "Brpo",
    "Decs",
    "Hbpo",
    "LcR1",
    "Paired",
    "Thinkless",
    "TokenCredit",
]
