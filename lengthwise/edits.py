"""Edits: what is done to a judged group before it is scored. Knows no trainer, no model, no torch."""

from lengthwise import refuse_shadows

refuse_shadows("rewards")

from rewards.edits import Branch, Branching, Change, Cut, Doubtful, Edit, Keep, Resizing
from rewards.edits.brpo import Brpo
from rewards.edits.dot import Dot
from rewards.edits.lc_r1 import LcR1
from rewards.edits.long_correct import MaskLongCorrect
from rewards.edits.qlpo import Qlpo
from rewards.edits.s_grpo import SGrpo

__all__ = [
    "Branch",
    "Branching",
    "Brpo",
    "Change",
    "Cut",
    "Dot",
    "Doubtful",
    "Edit",
    "Keep",
    "LcR1",
    "MaskLongCorrect",
    "Qlpo",
    "Resizing",
    "SGrpo",
]
