"""What an advantage estimator is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from rl.credit.within.arrays import Array


class AdvantageEstimator(Protocol):
    """Rewards to advantages: a class whose parameters are its options, or a plain function.

    `rewards` (B,) are weighted sums, group after group of `group_size` rows; `lengths` (B,) are those of the
    completions in tokens. NaN means "not judged": such a row is left out of every statistic and gets 0. The result is
    (B,), finite. A class has a `name`, a `source`, and `by_length`, whether it looks at lengths; without `by_length` it
    counts as if it did. A function's further parameters are its options.
    """

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array: ...


class ApartEstimator(Protocol):
    """One whose call takes `weights`, one a reward: it gets each of the K rewards by itself, (B, K)."""

    def __call__(self, rewards: Array, group_size: int, lengths: Array, weights: Sequence[float]) -> Array: ...


@runtime_checkable
class Remembering(Protocol):
    """One that remembers from round to round; a checkpoint keeps its state, plain JSON."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...
