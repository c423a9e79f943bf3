"""Verifiers: is the answer right? Knows no trainer, no model, no torch."""

from lengthwise import refuse_shadows

refuse_shadows("rewards")

from rewards.types import Verdict
from rewards.verifier import Isolated, MathVerifier, Reading, Verifier, boxed_answer
from rewards.verifier.base import InProcess, InWorkers
from rewards.verifier.choice import MultipleChoice
from rewards.verifier.exact import ExactMatch
from rewards.verifier.function import FunctionVerifier
from rewards.verifier.gym import ReasoningGym
from rewards.verifier.numeric import NumericTolerance
from rewards.verifier.within import SubstringMatch

__all__ = [
    "ExactMatch",
    "FunctionVerifier",
    "InProcess",
    "InWorkers",
    "Isolated",
    "MathVerifier",
    "MultipleChoice",
    "NumericTolerance",
    "Reading",
    "ReasoningGym",
    "SubstringMatch",
    "Verdict",
    "Verifier",
    "boxed_answer",
]
