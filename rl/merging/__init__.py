"""Merge a trained model with its base, without training and without holding either in memory."""

from rl.merging.merge import fold, merge
from rl.merging.methods import Linear, Method, Selective, Ties

__all__ = ["Linear", "Method", "Selective", "Ties", "fold", "merge"]
