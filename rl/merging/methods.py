"""Ways to merge: selective, linear, TIES. Each merges piece by piece, in float32.

Products and sums are operations of their own: where torch does both in one, it rounds once in a
vector register and twice in the rest of a piece, and the result would depend on how tensors are cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from rl.errors import UserError
from rl.merging.folders import Models
from rl.merging.selection import NotFinite, Selection, kept_only, select_largest, where_kept

Scope = Literal["global", "tensor"]
Place = tuple[str, int, int]
"""A piece of a model: a tensor's name, first and last element."""


class Method(Protocol):
    """`load` reads what a piece is made of, in any order and from any thread; `merge` makes it, in order."""

    name: str

    def start(self, models: Models) -> None:
        """Errors: UserError when it is no method for so many models."""

    def load(self, place: Place) -> tuple[Tensor, ...]: ...

    def merge(self, place: Place, loaded: tuple[Tensor, ...]) -> Tensor:
        """The merged elements in float32. Pieces must come in the order of `models.places()`."""

    def facts(self) -> dict[str, Any]:
        """What was kept, once all pieces were merged."""


@dataclass
class Kept:
    """The largest differences of one trained model to the base, by magnitude.

    Their number is `share` of all entries, or of each tensor's, rounded. Of equal magnitudes those
    are kept that come first: tensors by name, entries in row-major order.
    """

    models: Models
    number: int
    """Of the trained model."""
    share: float
    scope: Scope
    entries: int = 0
    _selection: Selection | None = None

    def __call__(self, place: Place, delta: Tensor) -> Tensor:
        """(n,) float32 differences of a piece -> (n,) int32 mask, as `Selection.mask` gives it."""
        name, first, _ = place
        if self._selection is None or (self.scope == "tensor" and first == 0):
            self._selection = self._select([name] if self.scope == "tensor" else self.models.merged_names())
        return self._selection.mask(delta)

    def _select(self, names: list[str]) -> Selection:
        total = sum(self.models.base[name].elements for name in names)
        count = round(self.share * total)
        self.entries += count
        pieces = [(name, *piece) for name in names for piece in self.models.base[name].pieces()]
        try:
            return select_largest(pieces, lambda piece: self.models.delta(self.number, *piece), total, count)
        except NotFinite:
            raise UserError(f"{self._not_finite(pieces)} holds an infinity or a NaN: it cannot be merged") from None

    def _not_finite(self, pieces: list[Place]) -> str:
        return next(p[0] for p in pieces if not torch.isfinite(self.models.delta(self.number, *p)).all())


@dataclass
class Selective:
    """θ = base + scale · (the largest differences, all others zero).

    Update-selective merging (DLER, arXiv 2510.15110, section 4.6, with 25 % and 0.7): a model that
    lost accuracy to its short answers wins it back and stays short. The paper does not say over
    what the share is taken; `scope` is the whole model or each tensor. A weight whose difference is
    not kept stays as it is, to the bit.
    """

    keep: float = 0.25
    scale: float = 0.7
    scope: Scope = "global"
    name: str = field(default="selective", init=False)

    def start(self, models: Models) -> None:
        _require_one(models, self.name)
        self._models, self._kept = models, Kept(models, 0, self.keep, self.scope)

    def load(self, place: Place) -> tuple[Tensor, ...]:
        return self._models.both(0, *place)

    def merge(self, place: Place, loaded: tuple[Tensor, ...]) -> Tensor:
        base, delta = loaded[0], loaded[1].sub_(loaded[0])
        mask = self._kept(place, delta)
        return where_kept(mask, delta.mul_(self.scale).add_(base), base)

    def facts(self) -> dict[str, Any]:
        return {
            "keep": self.keep,
            "scale": self.scale,
            "scope": self.scope,
            "kept": self._kept.entries,
            "of": self._models.elements(),
        }


@dataclass
class Linear:
    """θ = (1 - weight) · base + weight · trained: at 0 and at 1, the models themselves."""

    weight: float = 0.5
    name: str = field(default="linear", init=False)

    def start(self, models: Models) -> None:
        _require_one(models, self.name)
        self._models = models

    def load(self, place: Place) -> tuple[Tensor, ...]:
        return self._models.both(0, *place)

    def merge(self, place: Place, loaded: tuple[Tensor, ...]) -> Tensor:
        base, trained = loaded
        return base.mul_(1 - self.weight).add_(trained.mul_(self.weight))

    def facts(self) -> dict[str, Any]:
        return {"weight": self.weight}


@dataclass
class Ties:
    """θ = base + scale · TIES of the differences of several trained models (arXiv 2306.01708).

    Trim each model's differences to their largest `keep`, elect each weight's sign by their sum,
    and take the mean of those that have it. Electing and averaging are `peft`'s; trimming is ours,
    since peft trims tensor by tensor only and needs the whole tensor, and the paper trims over the
    whole model, which is `scope: global`.
    """

    keep: float = 0.2
    scale: float = 1.0
    scope: Scope = "global"
    name: str = field(default="ties", init=False)

    def start(self, models: Models) -> None:
        if len(models.trained) < 2:
            raise UserError("ties merges two trained models or more: give --trained for each")
        self._models = models
        self._kept = [Kept(models, number, self.keep, self.scope) for number in range(len(models.trained))]

    def load(self, place: Place) -> tuple[Tensor, ...]:
        name, first, last = place
        deltas = (self._models.delta(number, *place) for number in range(len(self._kept)))
        return (self._models.base[name].read(first, last).float(), *deltas)

    def merge(self, place: Place, loaded: tuple[Tensor, ...]) -> Tensor:
        from peft.utils.merge_utils import calculate_majority_sign_mask, disjoint_merge

        base, *deltas = loaded
        trimmed = torch.stack([kept_only(kept(place, d), d) for kept, d in zip(self._kept, deltas, strict=True)])
        mean: Tensor = disjoint_merge(trimmed, calculate_majority_sign_mask(trimmed))
        return mean.mul_(self.scale).add_(base)

    def facts(self) -> dict[str, Any]:
        kept = [kept.entries for kept in self._kept]
        return {
            "keep": self.keep,
            "scale": self.scale,
            "scope": self.scope,
            "kept": kept,
            "of": self._models.elements(),
        }


def _require_one(models: Models, name: str) -> None:
    if len(models.trained) != 1:
        raise UserError(f"{name} merges one trained model with its base: give --trained once")
