"""Rollout engines: prompts and budgets in, completions out."""

from rl.rollouts.streams import stable_seed
from rl.rollouts.transformers import Completion, Sampling, generate

__all__ = ["Completion", "Sampling", "generate", "stable_seed"]
