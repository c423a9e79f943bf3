"""Askings: how the rollouts of one group are asked differently. Knows no trainer, no model, no torch."""

from lengthwise import refuse_shadows

refuse_shadows("curricula")

from curricula.adapt_think import AdaptThink
from curricula.asking import Asking, Variant
from curricula.begin import Begin
from curricula.hbpo import Hbpo

__all__ = [
    "AdaptThink",
    "Asking",
    "Begin",
    "Hbpo",
    "Variant",
]
