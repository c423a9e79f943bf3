"""The rollout engine that a recipe names."""

from __future__ import annotations

from rl.prepare import Prepared
from rl.rollouts.engine import Engine, TransformersEngine


def build_engine(prepared: Prepared, model: str) -> Engine:
    """The engine of `rollouts`, for the model at this path or hub name; it has no weights of its own yet."""
    part = prepared.recipe.rollouts
    if part.engine == "transformers":
        return TransformersEngine(batch_size=part.batch_size)
    raise NotImplementedError(part.engine)
