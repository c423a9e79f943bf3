"""Ways to merge: selective, linear, TIES. Each merges piece by piece, in float32.

Products and sums are operations of their own, each rounded: done in one they would be rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np

from rl.errors import UserError
from rl.merging.floats import Floats, Raw
from rl.merging.folders import Models
from rl.merging.selection import NotFinite, Selection, kept_only, select_held, select_largest, where_kept

Scope = Literal["global", "tensor"]
Piece = Callable[[], Raw]
"""Makes the merged elements of a piece, in float32; of a tensor that does not merge, its bytes."""

HELD = 1 << 24
"""Differences of a tensor, at most, that are kept in memory (12 bytes each) from the threshold to the merge."""


class Method(Protocol):
    name: str

    def start(self, models: Models) -> None:
        """Errors: UserError when it is no method for so many models."""

    def pieces(self, name: str) -> Iterator[Piece]:
        """A tensor's pieces in order, each as a call that makes it.

        All reading is done before the call, so that another thread can go on with it meanwhile. Tensors
        must be asked for and pieces made in the order of the base's names.
        """

    def facts(self) -> dict[str, Any]:
        """What was kept, once all pieces were merged."""


Change = tuple[Floats, Selection]
"""(n,) float32 differences of a piece, and what is kept of their tensor."""


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
    _everywhere: Selection | None = None

    def among(self, name: str, held: Sequence[Floats] | None) -> Selection:
        """What is kept of a tensor; `held` are its differences in pieces, where they are in memory."""
        if self.scope == "tensor":
            return self._select([name], held)
        if self._everywhere is None:
            self._everywhere = self._select(self.models.merged_names(), None)
        return self._everywhere

    def _select(self, names: list[str], held: Sequence[Floats] | None) -> Selection:
        total = sum(self.models.base[name].elements for name in names)
        count = round(self.share * total)
        self.entries += count
        places = self.models.places(names)
        try:
            return select_largest(places, self._delta, total, count) if held is None else select_held(held, count)
        except NotFinite:
            bad = next(place[0] for place in places if not np.isfinite(self._delta(place)).all())
            raise UserError(f"{bad} holds an infinity or a NaN: it cannot be merged") from None

    def _delta(self, place: tuple[str, int, int]) -> Floats:
        return self.models.delta(self.number, *place)


def _changes(models: Models, kept: Sequence[Kept], name: str) -> Iterator[tuple[Floats, list[Change]]]:
    """A tensor's pieces: the base, and each model's differences with what is kept of them."""
    pieces: Iterable[tuple[Floats, ...]] = (models.deltas(*place) for place in models.places([name]))
    held = None
    if kept[0].scope == "tensor" and models.base[name].elements * len(kept) <= HELD:
        pieces = list(pieces)
        held = list(zip(*pieces, strict=True))[1:]
    selections = [one.among(name, held[one.number] if held else None) for one in kept]
    for base, *deltas in pieces:
        yield base, list(zip(deltas, selections, strict=True))


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

    def pieces(self, name: str) -> Iterator[Piece]:
        for base, [change] in _changes(self._models, [self._kept], name):
            yield partial(self._moved, base, *change)

    def _moved(self, base: Floats, delta: Floats, selection: Selection) -> Floats:
        mask = selection.mask(delta)
        delta *= self.scale
        delta += base
        return where_kept(mask, delta, base)

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

    def pieces(self, name: str) -> Iterator[Piece]:
        for place in self._models.places([name]):
            yield partial(self._between, *self._models.read(*place))

    def _between(self, base: Floats, trained: Floats) -> Floats:
        base *= 1 - self.weight
        trained *= self.weight
        base += trained
        return base

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
        import torch  # noqa: F401  # before threads are counted

        if len(models.trained) < 2:
            raise UserError("ties merges two trained models or more: give --trained for each")
        self._models = models
        self._kept = [Kept(models, number, self.keep, self.scope) for number in range(len(models.trained))]

    def pieces(self, name: str) -> Iterator[Piece]:
        for base, changes in _changes(self._models, self._kept, name):
            yield partial(self._elected, base, changes)

    def _elected(self, base: Floats, changes: list[Change]) -> Floats:
        import torch
        from peft.utils.merge_utils import calculate_majority_sign_mask, disjoint_merge

        trimmed = torch.from_numpy(np.stack([kept_only(selection.mask(delta), delta) for delta, selection in changes]))
        mean: Floats = disjoint_merge(trimmed, calculate_majority_sign_mask(trimmed)).numpy()
        mean *= self.scale
        mean += base
        return mean

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
