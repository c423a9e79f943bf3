"""TRL's importance-sampling correction for packed updates.

TRL makes the ratios of the trainer's old log-probs and the engine's over its own padded batch, a rank's share of the
round in order. A packed round has the old log-probs elsewhere: in its micro-batches, on other ranks. So they are
brought to TRL's batch, and what TRL makes of them is brought back.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from accelerate.utils import gather_object
from torch import Tensor

from rl.updates.packed_round import PackedRound

CARRIED = ("importance_sampling_ratio", "sampling_per_token_logps")


def to_padded(packed: PackedRound, rank: int, logps: Sequence[Tensor], own: Sequence[int], width: int) -> Tensor:
    """(rows, width) log-probs of the rows `own` of a rank, from those of its micro-batches, (rows, tokens) each.

    Padding, and rows that no update takes through the model, are NaN, which TRL leaves out of its figures but for the
    ratio, 1 there.
    """
    mine: dict[int, Tensor] = {}
    for rows, values in zip(packed.rows(rank), logps, strict=True):
        for row, line in zip(rows, values, strict=False):  # a blank batch has a line and no row
            mine[row] = line[: len(packed.examples[row].completion_ids)].cpu()
    everywhere = _gathered(mine)
    padded = torch.full((len(own), width), torch.nan, dtype=logps[0].dtype, device=logps[0].device)
    for place, row in enumerate(own):
        if row in everywhere:
            padded[place, : len(everywhere[row])] = everywhere[row].to(padded)
    return padded


def to_packed(packed: PackedRound, rank: int, values: Tensor, own: Sequence[int], fill: float) -> list[Tensor]:
    """Of each of a rank's micro-batches, its rows of `values`: (rows, tokens) or, one a sequence, (rows, 1).

    `values` are of the rows `own` of this rank; padding becomes `fill`.
    """
    single = values.size(1) == 1
    everywhere = _gathered({row: line.cpu() for row, line in zip(own, values, strict=True)})
    batches = []
    for rows, batch in zip(packed.rows(rank), packed.batches(), strict=True):
        height, width = batch["completion_ids"].shape
        padded = values.new_full((height, 1 if single else width), fill)
        for place, row in enumerate(rows):
            count = 1 if single else len(packed.examples[row].completion_ids)
            padded[place, :count] = everywhere[row][:count].to(padded)
        batches.append(padded)
    return batches


def _gathered(mine: dict[int, Tensor]) -> dict[int, Tensor]:
    """By row, from all ranks."""
    return {row: line for each in gather_object([mine]) for row, line in each.items()}
