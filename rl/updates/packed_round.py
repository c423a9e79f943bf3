"""A round as packed updates: its rows, their plan over ranks, this rank's tensors, and the scale of their losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np
from torch import Tensor

from rewards.types import Spans
from rl.updates.by_token import Credit, trained
from rl.updates.packing import FLAT, PADDED, Layout, MicroBatch, Size, Slot

PER_ROW = ("grpo", "sapo", "dr_grpo", "luspo")
"""Losses that are a mean over the rollouts of a micro-batch. The others but bnpo divide by a global token count."""


@dataclass(frozen=True)
class Example:
    """A rollout as a training row, on every rank. `counts`: whether any of its tokens are in the loss."""

    prompt_ids: Sequence[int]
    completion_ids: Sequence[int]
    advantage: float
    counts: bool = True
    masked: Spans = ()
    """Tokens that are not in the loss, of a rollout that counts."""
    credit: Credit = None
    """The advantage of each token, where that is not `advantage` everywhere."""

    @property
    def size(self) -> Size:
        return Size(len(self.prompt_ids), len(self.completion_ids))

    @property
    def tokens(self) -> int:
        """Tokens in the loss."""
        return len(self.completion_ids) - sum(stop - start for start, stop in self.masked) if self.counts else 0

    @property
    def moves(self) -> bool:
        """Whether a token in the loss has an advantage."""
        if self.credit is None or not self.tokens:
            return bool(self.tokens and self.advantage)
        return bool(np.any(np.asarray(self.credit) * trained(len(self.completion_ids), self.masked)))


@dataclass(frozen=True)
class Update:
    """An optimiser step: all its rows, the plan of those that stay, and this rank's micro-batches, one a slot."""

    rows: list[int]
    slots: list[Slot]
    batches: list[dict[str, Any]]

    def micro_batches(self) -> Iterator[tuple[int, ...]]:
        """The rows of each, on all ranks, those that several share once."""
        for slot in self.slots:
            yield from (batch.counted(rank) for rank, batch in enumerate(slot))


@dataclass
class PackedRound:
    """All rows of a round and its updates."""

    examples: list[Example]
    updates: list[Update]
    layout: Layout = PADDED
    passes: list[list[Tensor]] = field(default_factory=list)
    """Log-probs without gradient that TRL asked for while it built the round, one a micro-batch."""
    open: bool = True
    """Whether TRL is still building the round."""

    def batches(self) -> Iterator[dict[str, Any]]:
        for update in self.updates:
            yield from update.batches

    def rows(self, rank: int) -> Iterator[tuple[int, ...]]:
        """Of each of a rank's micro-batches, in the order of `batches`."""
        for update in self.updates:
            yield from (slot[rank].rows for slot in update.slots)

    def close(self, output: dict[str, Any]) -> None:
        """Give the micro-batches what TRL made of the round besides tokens and advantages."""
        self.open = False
        names = [name for name in ("old_per_token_logps", "ref_per_token_logps") if name in output]
        for batch in self.batches():
            batch["num_items_in_batch"] = output["num_items_in_batch"]
        for name, values in zip(names, self.passes, strict=True):
            for batch, logps in zip(self.batches(), values, strict=True):
                batch[name] = logps

    @cached_property
    def tokens(self) -> list[int]:
        """Of each row, those in the loss."""
        return [example.tokens for example in self.examples]

    @property
    def left(self) -> float:
        """The share of the rows that no update takes through the model."""
        return 1 - sum(len(rows) for update in self.updates for rows in update.micro_batches()) / len(self.examples)

    @property
    def through(self) -> int:
        """Tokens that go through the model, on all ranks, padding counted."""
        return self._as(self.layout)

    @property
    def padding(self) -> float:
        """The share of the tokens that go through the model, on all ranks, that is padding."""
        return 1 - self._as(FLAT) / max(self._as(PADDED), 1) if self.layout.padded else 0.0

    @property
    def shared(self) -> float:
        """The share of the real tokens that do not go through the model, as another row's prompt has them."""
        return 0.0 if self.layout.padded else 1 - self.through / max(self._as(FLAT), 1)

    @property
    def imbalance(self) -> float:
        """The cost of the rank that has most to do over the ranks' mean, over all updates."""
        sizes = [example.size for example in self.examples]
        loads = [
            [
                sum(self.layout.cost(batch.rows, sizes) / batch.ranks for batch in own)
                for own in zip(*update.slots, strict=True)
            ]
            for update in self.updates
        ]
        mean = sum(map(fmean, loads))
        return sum(map(max, loads)) / mean if mean else 1.0

    def _as(self, layout: Layout) -> int:
        """Tokens of all micro-batches, were they laid out so."""
        sizes = [example.size for example in self.examples]
        return sum(layout.tokens(rows, sizes) for update in self.updates for rows in update.micro_batches())


def loss_scale(loss_type: str, batch: MicroBatch, tokens: Sequence[int], per_device: int) -> float:
    """Factor of TRL's loss of a micro-batch; `tokens[row]` are those in the loss."""
    if loss_type in PER_ROW:
        return len(batch.rows) / per_device
    return token_share(batch, tokens) if loss_type == "bnpo" else 1.0


def token_share(batch: MicroBatch, tokens: Sequence[int]) -> float:
    """What part of the tokens of its cell a micro-batch holds."""
    own, cell = (sum(tokens[row] for row in rows) for rows in (batch.rows, batch.cell))
    return max(own, 1) / max(cell, 1)
