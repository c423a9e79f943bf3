"""What a rollout engine is to the rest: asks in, completions out, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

from transformers import PreTrainedModel

from rl.rollouts.ask import Ask, Completion
from rl.rollouts.partial import Enough, PartialRollout
from rl.rollouts.transformers import generate, go_on

Weights = Callable[[], AbstractContextManager[PreTrainedModel]]
"""The model as it stands, with whole weights while the context lasts; all ranks of a launch enter it together."""


@dataclass(frozen=True)
class Health:
    """Whether an engine would answer, and from which weights."""

    ready: bool
    version: int | None
    """Of the weights it samples with; None before the first `load_weights`."""
    problem: str = ""
    """Why it is not ready, in a few words."""
    dtype: str = "float32"
    """What it computes in: `float32`, `bfloat16` or `float16`."""


class Answers(Protocol):
    """Samples completions. Each is cut at its own budget, and drawn as a function of its own seed."""

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        """One completion an ask, in the same order."""
        ...


class Engine(Answers, Protocol):
    """The same, from weights that it is given."""

    def load_weights(self, weights: Weights, version: int) -> None:
        """Sample from these weights from now on; completions carry `version`."""
        ...

    def rest(self) -> None:
        """Free what the update may use: nothing is asked before the next `load_weights`."""
        ...

    def health(self) -> Health: ...

    def copies(self) -> Sequence[Engine]:
        """What samples from a copy of the weights that may go stale: itself, each of its workers, or nobody."""
        ...

    def close(self) -> None:
        """End what the engine started; it is not used again."""
        ...


class TransformersEngine:
    """The engine that needs nothing but the model, `batch_size` rows side by side (all of them by default)."""

    def __init__(self, model: PreTrainedModel | None = None, batch_size: int | None = None) -> None:
        self._weights: Weights | None = None if model is None else lambda: nullcontext(model)
        self._version: int | None = None
        self.batch_size = batch_size

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        if self._weights is None:
            raise RuntimeError("load_weights comes before generate")
        # Entered without asks too: gathering sharded weights takes every rank.
        with self._weights() as model:
            completions = generate(model, asks, self.batch_size)
        return [replace(completion, weight_version=self._version) for completion in completions]

    def advance(self, rollouts: Sequence[PartialRollout], enough: Enough) -> None:
        if self._weights is None:
            raise RuntimeError("load_weights comes before advance")
        with self._weights() as model:
            go_on(model, rollouts, enough, self.batch_size, self._version)

    def load_weights(self, weights: Weights, version: int) -> None:
        self._weights, self._version = weights, version

    def rest(self) -> None:
        """Its memory is the model's."""

    def health(self) -> Health:
        return Health(self._weights is not None, self._version, "" if self._weights else "no weights yet")

    def copies(self) -> Sequence[Engine]:
        return ()

    def close(self) -> None:
        self._weights = None
