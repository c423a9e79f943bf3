"""Rollout engines: prompts and budgets in, completions out."""

from rl.rollouts.transformers import Completion, Sampling, generate

__all__ = ["Completion", "Sampling", "generate"]
