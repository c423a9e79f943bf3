"""A round's rollouts to packed updates: planned alike on every rank, this rank's share of them as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from torch import Tensor
from trl.trainer.utils import pad

from rl.rollouts import stable_seed
from rl.updates import by_token
from rl.updates.cost import BY_TOKEN, Cost
from rl.updates.packed_round import Example, PackedRound, Update, loss_scale, token_share
from rl.updates.packing import FLAT, PADDED, Layout, Size, Slot, members, plan_cells, plan_update

WORTH = 0.5
"""Where rows could as well be padded, prompts of a small model are shared if no more than this part of the tokens is
left: elsewhere the saving is small, and a run's figures stay what they were to the last bit."""
SMALL = 1 << 24
"""Parameters. A larger model's prompts are shared wherever that saves tokens: with a fifth fewer of them, a step of
135 million parameters took a fifth less."""


@dataclass(frozen=True)
class Packer:
    """Packs rounds for one rank of `ranks`; all other fields are the same on every rank."""

    limit: int
    """Tokens a micro-batch, padding counted where it is `padded`."""
    updates: int
    """Of one round."""
    seed: int
    loss_type: str
    per_device: int
    """Rows of TRL's micro-batch, by which some of its losses divide."""
    by_cell: bool
    """Keep to TRL's micro-batches: for a loss that divides by what is in one of them."""
    everyone: bool
    """Rollouts without advantage have a gradient too: of a KL term, an entropy bonus, KL-Cov."""
    padded: bool
    """Rows can be padded; else they lie end to end always."""
    shares: bool
    """Rows that lie end to end can share a prompt."""
    pad_id: int
    multiple: int | None
    """Widths are a multiple of it."""
    device: torch.device
    rank: int = 0
    ranks: int = 1
    parameters: int = 0
    """Of the model."""
    together: int = 1
    """Ranks that may share a micro-batch."""
    each: Cost = BY_TOKEN
    """What rows cost of it."""

    def pack(self, examples: list[Example], step: int) -> PackedRound:
        """`examples` are all of the round that begins with `step`, in an order that is the same on every rank."""
        shortest = min(examples, key=lambda e: len(e.prompt_ids))
        blank = Example(shortest.prompt_ids, shortest.completion_ids[:1], 0.0, counts=False)
        layout, plan = self._plan(examples, step)
        packed = PackedRound(examples, [Update(rows, slots, []) for rows, slots in plan], layout)
        for update in packed.updates:
            for slot in update.slots:
                own = slot[self.rank]
                scale = loss_scale(self.loss_type, own, packed.tokens, self.per_device) or 1.0
                scales = {"loss_scale": scale, "entropy_scale": token_share(own, packed.tokens) / scale}
                scales["ranks"] = own.ranks
                update.batches.append({**self._tensors([examples[row] for row in own.rows] or [blank]), **scales})
        return packed

    def _plan(self, examples: Sequence[Example], step: int) -> tuple[Layout, list[tuple[list[int], list[Slot]]]]:
        """How rows lie, each update's rows, and their slots, the same on every rank."""
        stays = [e.moves or bool(e.tokens and self.everyone) for e in examples]
        (stays,) = broadcast_object_list([stays])  # another machine's rounding must not make another plan
        sizes = [e.size for e in examples]
        updates = members(len(examples), self.updates, stable_seed(self.seed, step))
        staying = [row for rows in updates for row in rows if stays[row]]
        layout = replace(self._layout(examples, staying, sizes), each=self.each)
        if self.by_cell:
            return layout, [
                (rows, plan_cells(rows, sizes, stays, self.ranks, self.limit, self.per_device, layout, self.together))
                for rows in updates
            ]
        return layout, [
            (rows, plan_update(rows, sizes, stays, self.ranks, self.limit, layout, self.together)) for rows in updates
        ]

    def _layout(self, examples: Sequence[Example], stay: Sequence[int], sizes: Sequence[Size]) -> Layout:
        if not self.shares:
            return PADDED if self.padded else FLAT
        # Equal prompts of a round are one object.
        prompts = [id(example.prompt_ids) for example in examples]
        shared = Layout(padded=False, prompts=prompts)
        together = sorted(stay, key=prompts.__getitem__)
        left, all_ = shared.tokens(together, sizes), FLAT.tokens(together, sizes)
        worth = left <= WORTH * all_ if self.parameters <= SMALL else left < all_
        return PADDED if self.padded and not worth else shared

    def _tensors(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Rows as TRL's loss takes them. A row that does not count has its completion masked.

        `tool_mask`, TRL's name for what no model sampled, is there where a row has masked tokens; `advantages` are
        (rows, tokens) where one has credit.
        """
        prompts, completions = (
            [torch.tensor(np.asarray(ids, dtype=np.int64)) for ids in column]
            for column in zip(*((e.prompt_ids, e.completion_ids) for e in examples), strict=True)
        )
        masks = [torch.full_like(ids, e.counts) for ids, e in zip(completions, examples, strict=True)]
        own = torch.tensor([e.advantage for e in examples], dtype=torch.float32)
        completion_ids = pad(completions, self.pad_id, "right", self.multiple)
        tensors = {
            "prompt_ids": pad(prompts, self.pad_id, "left", self.multiple),
            "prompt_mask": pad([torch.ones_like(ids) for ids in prompts], 0, "left", self.multiple),
            "completion_ids": completion_ids,
            "completion_mask": pad(masks, 0, "right", self.multiple),
            "advantages": by_token.advantages(own, [e.credit for e in examples], completion_ids.size(1)),
        }
        if any(e.masked for e in examples):
            spared = [torch.from_numpy(by_token.trained(e.size.completion, e.masked)) for e in examples]
            tensors["tool_mask"] = pad(spared, 1, "right", self.multiple)
        return {name: tensor.to(self.device) for name, tensor in tensors.items()}
