"""What a rollout is worth: what a reward gets and gives, the built-in ones, and what those of one's own stand on.

Knows no trainer, no model, no torch.
"""

from lengthwise import refuse_shadows

refuse_shadows("rewards")

from rewards import (
    BatchReward,
    Group,
    GroupOnly,
    History,
    HistoryView,
    LengthReward,
    Monitor,
    Observer,
    Problem,
    Rollout,
    Termed,
    Verdict,
)
from rewards.correct import Correct
from rewards.format import TagFormat
from rewards.length.a_dlp import ADlp
from rewards.length.adapt_think import AdaptThink
from rewards.length.alp import Alp
from rewards.length.arlcp import Arlcp
from rewards.length.auto_think import AutoThink
from rewards.length.brpo import Brpo
from rewards.length.conditioned import ConditionedLength
from rewards.length.cosine import Cosine
from rewards.length.dial import Dial
from rewards.length.efficient import Efficient
from rewards.length.gr3 import Gr3
from rewards.length.grlc import Grlc
from rewards.length.grpo_lambda import GrpoLambda
from rewards.length.hapo import Hapo
from rewards.length.hbpo import Hbpo
from rewards.length.kimi import Kimi
from rewards.length.l1 import L1Exact, L1Max
from rewards.length.laser import Laser, LaserD, LaserDE
from rewards.length.lc_r1 import LcR1
from rewards.length.lead import Lead
from rewards.length.linear import Linear
from rewards.length.o1_pruner import O1Pruner
from rewards.length.overlong import Overlong
from rewards.length.s_grpo import SGrpo
from rewards.length.shorter_better import ShorterBetter
from rewards.length.thinkless import Thinkless
from rewards.length.toggle import Toggle
from rewards.length.train_long import Band, Triangular
from rewards.length.truncation import Truncation
from rewards.ngram import Ngram
from rewards.repetition import Repetition
from rewards.shaped import Shaped, is_correct, of_judged
from rewards.substring import Substring
from rewards.types import Values

__all__ = [
    "ADlp",
    "AdaptThink",
    "Alp",
    "Arlcp",
    "AutoThink",
    "Band",
    "BatchReward",
    "Brpo",
    "ConditionedLength",
    "Correct",
    "Cosine",
    "Dial",
    "Efficient",
    "Gr3",
    "Grlc",
    "Group",
    "GroupOnly",
    "GrpoLambda",
    "Hapo",
    "Hbpo",
    "History",
    "HistoryView",
    "Kimi",
    "L1Exact",
    "L1Max",
    "Laser",
    "LaserD",
    "LaserDE",
    "LcR1",
    "Lead",
    "LengthReward",
    "Linear",
    "Monitor",
    "Ngram",
    "O1Pruner",
    "Observer",
    "Overlong",
    "Problem",
    "Repetition",
    "Rollout",
    "SGrpo",
    "Shaped",
    "ShorterBetter",
    "Substring",
    "TagFormat",
    "Termed",
    "Thinkless",
    "Toggle",
    "Triangular",
    "Truncation",
    "Values",
    "Verdict",
    "is_correct",
    "of_judged",
]
