"""Ways to merge: selective, linear, TIES. Each gives the merged values of a piece of a tensor in float32.

Products and sums are operations of their own: where torch does both in one, it rounds once in a
vector register and twice in the rest of a piece, and the result would depend on how tensors are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from rl.errors import UserError
from rl.merging.folders import Models
from rl.merging.selection import NotFinite, Selection, kept_only, select_largest, where_kept

Scope = Literal["global", "tensor"]
Piece = Callable[[str, int, int], Tensor]
"""Tensor, first and last element -> the merged elements, in any float dtype."""


class Method(Protocol):
    name: str

    def start(self, models: Models) -> Piece:
        """Pieces must be asked for in order: names as `models` has them, elements upwards."""

    def facts(self) -> dict[str, Any]:
        """What was kept, once all pieces were asked for."""


@dataclass
class Kept:
    """The largest differences of one trained model to the base, by magnitude.

    Their number is `share` of all entries, or of each tensor's, rounded. Of equal magnitudes those
    are kept that come first: tensors by name, entries in row-major order.
    """

    models: Models
    place: int
    share: float
    scope: Scope
    entries: int = 0
    _selection: Selection | None = None

    def __call__(self, name: str, first: int, delta: Tensor) -> Tensor:
        """(n,) float32 from element `first` on -> (n,) int32 mask, as `Selection.mask` gives it."""
        if self._selection is None or (self.scope == "tensor" and first == 0):
            names = [name] if self.scope == "tensor" else self.models.merged_names()
            self._selection = self._select(names)
        return self._selection.mask(delta)

    def _select(self, names: list[str]) -> Selection:
        reading = names[0]

        def stream() -> Iterator[Tensor]:
            nonlocal reading
            for reading in names:
                for piece in self.models.base[reading].pieces():
                    yield self.models.delta(self.place, reading, *piece)

        count = round(self.share * sum(self.models.base[name].elements for name in names))
        self.entries += count
        try:
            return select_largest(stream, count)
        except NotFinite:
            raise UserError(f"{reading} holds an infinity or a NaN: such a model cannot be merged") from None


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

    def start(self, models: Models) -> Piece:
        _require_one(models, self.name)
        self._models, self._kept = models, Kept(models, 0, self.keep, self.scope)

        def piece(name: str, first: int, last: int) -> Tensor:
            base = models.base[name].read(first, last)
            trained = models.trained[0][name].read(first, last).float()
            values = base.float()
            delta = trained.sub_(values)
            mask = self._kept(name, first, delta)
            return where_kept(mask, delta.mul_(self.scale).add_(values), values)

        return piece

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

    def start(self, models: Models) -> Piece:
        _require_one(models, self.name)

        def piece(name: str, first: int, last: int) -> Tensor:
            base, trained = (side[name].read(first, last).float() for side in (models.base, models.trained[0]))
            return base.mul_(1 - self.weight).add_(trained.mul_(self.weight))

        return piece

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

    def start(self, models: Models) -> Piece:
        from peft.utils.merge_utils import calculate_majority_sign_mask, disjoint_merge

        if len(models.trained) < 2:
            raise UserError("ties merges two trained models or more: give --trained for each")
        self._models = models
        self._kept = [Kept(models, place, self.keep, self.scope) for place in range(len(models.trained))]

        def piece(name: str, first: int, last: int) -> Tensor:
            deltas = []
            for place, kept in enumerate(self._kept):
                delta = models.delta(place, name, first, last)
                deltas.append(kept_only(kept(name, first, delta), delta))
            stacked = torch.stack(deltas)
            mean: Tensor = disjoint_merge(stacked, calculate_majority_sign_mask(stacked))
            return mean.mul_(self.scale).add_(models.base[name].read(first, last).float())

        return piece

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
