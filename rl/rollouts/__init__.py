"""Rollout engines: asks in, completions out."""

from rl.rollouts.ask import Ask, Completion, Sampling
from rl.rollouts.engine import Answers, Engine, Health, TransformersEngine, Weights
from rl.rollouts.streams import stable_seed
from rl.rollouts.transformers import generate

__all__ = [
    "Answers",
    "Ask",
    "Completion",
    "Engine",
    "Health",
    "Sampling",
    "TransformersEngine",
    "Weights",
    "generate",
    "stable_seed",
]
