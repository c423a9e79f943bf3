"""What an engine is asked for one rollout, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rewards.types import Spans, Stop
from rl.errors import UserError
from rl.thinking import End


class NotFinite(UserError):
    """The weights are finite or not; what the model makes of a prompt is no distribution."""


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn. Temperature 0 is greedy; top_p 1, top_k 0 and min_p None are off."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float | None = None


class Thinking(NamedTuple):
    """Budgets of their own for thinking and answer."""

    budget: int
    """Tokens of thinking, its end counted, and a prefix; where it has used them up, it is closed by force."""
    answer: int
    """Tokens after the end, or after the closing."""
    end: End
    closing: tuple[int, ...]
    """Token ids that are forced, in the budget of neither."""


Segments = tuple[tuple[int | None, int], ...]
"""Which weights drew which tokens: a weight version, and the place before which its tokens end, rising."""


@dataclass(frozen=True)
class Begun:
    """What there is of a rollout that was paused, what was forced included. It goes on from newer weights."""

    token_ids: Sequence[int] = ()
    logprobs: Sequence[float] = ()
    """Of each token by the weights that drew it, as in a completion."""
    segments: Segments = ()


@dataclass(frozen=True)
class Ask:
    """One rollout to be sampled. What is drawn for it is a function of its `seed`, its prompt and its prefix."""

    prompt: Sequence[int]
    """Token ids."""
    budget: int
    """Tokens at which it is stopped, those that are forced counted."""
    seed: int
    """Of its own random stream, 62 bits."""
    sampling: Sampling = Sampling()
    eos_ids: Sequence[int] = ()
    """Token ids that end it."""
    logprobs: bool = False
    """Whether the log-prob of each token is wanted."""
    prefix: Sequence[int] = ()
    """Token ids that its completion begins with, fewer than its budget."""
    thinking: Thinking | None = None
    """Where thinking and answer have budgets of their own; together with the closing, `budget`."""
    place: int = 0
    """The number of its stream that its first token is drawn by: of a rollout that goes on, how many there were."""
    begun: Begun | None = None
    """What there is of it, the prefix included, where it was paused."""

    @staticmethod
    def each(
        prompts: Sequence[Sequence[int]],
        budgets: Sequence[int],
        sampling: Sampling,
        *,
        seeds: Sequence[int],
        eos_ids: Sequence[int] = (),
        logprobs: bool = False,
    ) -> list[Ask]:
        """One a prompt, all sampled alike."""
        return [
            Ask(prompt, budget, seed, sampling, eos_ids, logprobs)
            for prompt, budget, seed in zip(prompts, budgets, seeds, strict=True)
        ]


@dataclass(frozen=True)
class Completion:
    """What the engine sampled for an ask, what was forced included; EOS, where there is one, is the last id."""

    token_ids: Sequence[int]
    stop: Stop
    logprobs: Sequence[float] = ()
    """Of each token as it was drawn, in nats, NaN where it was forced; empty unless asked for."""
    weight_version: int | None = None
    """Of the weights that drew it: the optimiser step they were loaded at, where that was said."""
    forced: Spans = ()
    """Tokens that were not sampled."""
    segments: Segments = ()
    """Which weights drew which of its tokens, where that were several; `weight_version` is the oldest then."""


def within(segments: Iterable[tuple[int | None, int]], length: int) -> Segments:
    """Those of so many tokens: what was cut off is of none."""
    found: list[tuple[int | None, int]] = []
    for version, end in segments:
        if not found or found[-1][1] < length:
            found.append((version, min(end, length)))
    return tuple(found)
