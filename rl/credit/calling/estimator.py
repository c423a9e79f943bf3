"""The advantage estimator of a run: tried before anything is trained, its results checked, its memory kept."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rl.credit.calling.load import load_advantage
from rl.credit.calling.names import KIND
from rl.credit.calling.types import Remembering
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
        self.apart = "weights" in inspect.signature(self.estimate).parameters
        """Whether it takes each reward by itself instead of the weighted sum."""
        self.by_length = bool(getattr(self.estimate, "by_length", True))
        """Whether it looks at lengths."""
        self._try()
        self.estimate = make()  # what was tried may remember it

    def __call__(self, terms: Tensor, totals: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        """(B, K) terms and (B,) weighted sums to (B,) advantages. Errors: UserError naming an estimator that fails."""
        rewards = terms if self.apart else totals
        further = {"weights": list(self.weights)} if self.apart else {}
        try:
            with guarded(self, KIND):
                # Copies: an estimator that works in place would change what is logged.
                advantages = self.estimate(rewards.clone(), group_size, lengths.clone(), **further)
        except UserError as error:
            raise UserError(f"{error}; its options are {self.options}") from error
        return self._checked(advantages, len(totals)).to(rewards)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: plain JSON."""
        return self.estimate.state_dict() if isinstance(self.estimate, Remembering) else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if isinstance(self.estimate, Remembering):
            self.estimate.load_state_dict(state)

    def _checked(self, advantages: object, count: int) -> Tensor:
        if not isinstance(advantages, Tensor) or advantages.shape != (count,):
            given = f"shape {tuple(advantages.shape)}" if isinstance(advantages, Tensor) else type(advantages).__name__
            raise UserError(f"{KIND} {self.name!r} gave {given} for {count} rollouts; it must give a tensor ({count},)")
        if not advantages.isfinite().all():
            what = "NaN" if advantages.isnan().any() else "an infinite advantage"
            raise UserError(
                f"{KIND} {self.name!r} gave {what}; a reward that nobody judged is NaN and wants advantage 0, and so "
                "does a group of equal rewards"
            )
        return advantages

    def _try(self) -> None:
        """Call it as the first round will: what cannot be shows at once, not after it has been sampled."""
        size = 64
        sample = torch.cat([torch.arange(float(size)), torch.ones(size)])
        sample[0] = torch.nan
        try:
            self(sample.unsqueeze(1).repeat(1, len(self.weights)), sample, size, torch.ones(2 * size))
        except UserError as error:
            tried = f"two groups of {size}, one of equal rewards, one reward NaN, all lengths 1"
            raise UserError(f"{error} (tried on {tried})") from error
        try:
            json.dumps(self.state_dict())
        except Exception as error:
            raise UserError(f"{KIND} {self.name!r}: its state_dict is no plain JSON: {error}") from error
