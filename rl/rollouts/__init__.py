"""Rollout engines: prompts and budgets in, completions out."""

from rl.rollouts.engine import Engine, Health, TransformersEngine, Weights
from rl.rollouts.streams import stable_seed
from rl.rollouts.transformers import Completion, Sampling, generate

__all__ = [
    "Completion",
    "Engine",
    "Health",
    "Sampling",
    "TransformersEngine",
    "Weights",
    "generate",
    "stable_seed",
]
