"""What sampling takes: keys and values of what was read and written, and the logits of one token a row."""

from __future__ import annotations

from rl.estimates.setup import Setup
from rl.estimates.shapes import Shape

LOGITS = 5
"""Copies of (rows, vocabulary) in fp32 while a token is drawn: logits, scores, probabilities, their sums, one more."""


def cache_bytes(shape: Shape, tokens: float, width: int) -> float:
    """Bytes of keys and values of so many tokens, each number `width` bytes."""
    return 2 * shape.keys * shape.layers * width * tokens


def sampling(setup: Setup) -> dict[str, float]:
    """Bytes that the transformers engine takes beside the weights, by what they are."""
    if setup.engine != "transformers":
        return {}
    shape, rows = setup.shape, setup.rollout_rows
    cached = cache_bytes(shape, rows * setup.length, setup.compute_bytes)
    # A layer's cache grows by being copied, and is repeated for every head where keys are shared.
    repeated = 2 * rows * setup.length * shape.queries * setup.compute_bytes
    return {
        "key-value cache": cached + cached / shape.layers + repeated,
        "logits": LOGITS * 4.0 * rows * shape.vocabulary,
    }
