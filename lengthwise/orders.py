"""Problem orders: which problem comes next. Knows no trainer, no model, no torch."""

from lengthwise import refuse_shadows

refuse_shadows("curricula")

from curricula.order import Admission, AsGiven, EasyAnchors, EasyToHard, PassRateWindow, ProblemOrder, Uniform

__all__ = [
    "Admission",
    "AsGiven",
    "EasyAnchors",
    "EasyToHard",
    "PassRateWindow",
    "ProblemOrder",
    "Uniform",
]
