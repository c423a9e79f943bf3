"""How many tokens a second an engine samples and how fast a rank trains, reckoned from a card's data sheet.

Nothing here was measured on a GPU. A step of sampling reads the weights and the keys and values of every row, computes,
and waits for its launches; what an engine does beside that is what it is slow by:

- the transformers engine copies its cache at every token, and repeats it for every query head that shares a key head;
  its layers are launched one by one;
- vLLM reads pages in place and replays CUDA graphs.
"""

from __future__ import annotations

from dataclasses import dataclass

from rl.estimates.cache import cache_bytes
from rl.estimates.devices.cards import Card
from rl.estimates.setup import Setup

BANDWIDTH, COMPUTE, TRAINING = 0.6, 0.5, 0.25
"""Shares of the data sheet that reading memory, sampling's products, and training come to."""
LAUNCHES = {"transformers": 1.1e-3, "vllm": 5e-5, "workers": 5e-5}
"""Seconds a layer and step that no size of batch shortens."""
STEP = 1e-3
"""Seconds of a step in which the next one is scheduled."""


@dataclass(frozen=True)
class Speed:
    """Of one rank, or one worker."""

    rows: float
    """Rollouts side by side, in the mean."""
    tokens_per_second: float
    tflops: float
    """Really done in training."""


def speed(setup: Setup, card: Card, rollouts: float, context: float) -> Speed:
    """Of an engine that has `rollouts` to sample in a round, of which a row holds `context` tokens in the mean."""
    rows = max(1.0, min(rollouts, most_rows(setup, card, context)))
    step = step_of(setup, card, context)
    return Speed(rows, rows / (step.whatever + rows * step.row) / setup.tensor_parallel, card.tflops * TRAINING)


@dataclass(frozen=True)
class Step:
    """Seconds of a step of sampling, a token for each row, on the ranks of one engine together."""

    whatever: float
    """However many rows there are: the weights are read, the layers launched."""
    row: float
    """And for each row: its keys and values are read, its token is computed."""
    prompt: float
    """And for each token of a prompt, or of what a rollout that goes on has so far."""


def step_of(setup: Setup, card: Card, context: float) -> Step:
    """Of an engine on this card, of which a row holds `context` tokens in the mean."""
    shape, width, ranks = setup.shape, 2, setup.tensor_parallel
    cached = cache_bytes(shape, context, width)
    if setup.engine == "transformers":
        cached *= 3 + 2 * shape.heads / shape.kv_heads
    bandwidth = card.bandwidth * 1e9 * BANDWIDTH * ranks
    token = 2 * shape.parameters / (card.tflops * 1e12 * COMPUTE * ranks)
    whatever = shape.parameters * width / bandwidth + STEP + shape.layers * LAUNCHES[setup.engine]
    return Step(whatever, cached / bandwidth + token, token)


def most_rows(setup: Setup, card: Card, context: float) -> float:
    """Rollouts that an engine can have side by side."""
    if setup.engine == "transformers":
        return setup.rollout_rows
    from_share = setup.vllm_bytes if setup.engine == "vllm" else 0.9 * card.memory * 1e9
    room = max(0.0, from_share * setup.tensor_parallel - setup.vllm_fixed)
    return min(SEQUENCES, room / cache_bytes(setup.shape, context, 2))


SEQUENCES = 256
"""vLLM's own bound on rollouts side by side (`max_num_seqs`)."""
