"""The advantage estimator of a run: tried before anything is trained, its results checked, its memory kept."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_numpy_namespace

from rl.credit.calling.load import load_advantage
from rl.credit.calling.names import KIND
from rl.credit.calling.types import Remembering
from rl.credit.within.arrays import Array, wanted
from rl.errors import UserError
from rl.plugins.guard import guarded


class Estimator:
    """The estimator `name` with its options; `weights` are those of the K rewards.

    Errors: UserError for a name or an option that cannot be, and for an estimator that fails on a sample.
    """

    def __init__(self, name: str, options: Mapping[str, Any] | None = None, weights: Sequence[float] = (1.0,)) -> None:
        self.name, self.options, self.weights = name, dict(options or {}), list(weights)
        make = load_advantage(name, self.options)
        self.estimate = make()
        self.wants = wanted(getattr(self.estimate, "func", self.estimate))
        """The library whose arrays it is given whatever comes; None: as they come."""
        self.apart = "weights" in inspect.signature(self.estimate).parameters
        """Whether it takes each reward by itself instead of the weighted sum."""
        self.by_length = bool(getattr(self.estimate, "by_length", True))
        """Whether it looks at lengths."""
        self._try()
        self.estimate = make()  # what was tried may remember it

    def __call__(self, terms: Array, totals: Array, group_size: int, lengths: Array) -> Array:
        """(B, K) terms and (B,) weighted sums to (B,) advantages, arrays as they are given.

        Errors: UserError naming an estimator that fails.
        """
        rewards, given = terms if self.apart else totals, array_namespace(totals)
        xp = self.wants or given
        further = {"weights": list(self.weights)} if self.apart else {}
        try:
            with guarded(self, KIND), np.errstate(all="ignore"):
                # Copies: an estimator that works in place would change what is logged.
                own, tokens = (xp.asarray(each, copy=True) for each in (rewards, lengths))
                advantages = self.estimate(own, group_size, tokens, **further)
        except UserError as error:
            raise UserError(f"{error}; its options are {self.options}") from error
        return given.asarray(self._checked(advantages, len(totals), xp), dtype=rewards.dtype, device=device(rewards))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: plain JSON."""
        return self.estimate.state_dict() if isinstance(self.estimate, Remembering) else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if isinstance(self.estimate, Remembering):
            self.estimate.load_state_dict(state)

    def _checked(self, advantages: Array, count: int, xp: ModuleType) -> Array:
        like = is_array_api_obj(advantages) and array_namespace(advantages) is xp
        if not like or advantages.shape != (count,):
            given = f"shape {tuple(advantages.shape)}" if like else type(advantages).__name__
            kind = "an array" if is_numpy_namespace(xp) else "a tensor"
            raise UserError(f"{KIND} {self.name!r} gave {given} for {count} rollouts; it must give {kind} ({count},)")
        if not xp.all(xp.isfinite(advantages)):
            what = "NaN" if xp.any(xp.isnan(advantages)) else "an infinite advantage"
            raise UserError(
                f"{KIND} {self.name!r} gave {what}; a reward that nobody judged is NaN and wants advantage 0, and so "
                "does a group of equal rewards"
            )
        return advantages

    def _try(self) -> None:
        """Call it as the first round will: what cannot be shows at once, not after it has been sampled."""
        size, xp = 64, self.wants or array_namespace(np.empty(0))
        sample = xp.asarray([math.nan, *range(1, size), *[1] * size], dtype=xp.float32)
        terms = xp.stack([sample] * len(self.weights), axis=1)
        try:
            self(terms, sample, size, xp.ones_like(sample))
        except UserError as error:
            tried = f"two groups of {size}, one of equal rewards, one reward NaN, all lengths 1"
            light = ", as NumPy's arrays: torch is not installed" if self.wants and is_numpy_namespace(xp) else ""
            raise UserError(f"{error} (tried on {tried}{light})") from error
        try:
            json.dumps(self.state_dict())
        except Exception as error:
            raise UserError(f"{KIND} {self.name!r}: its state_dict is no plain JSON: {error}") from error
