"""A padded batch as one row without padding, for attention that tells sequences apart by their positions.

Flash attention takes such a row as sequences of several lengths; transformers recognises it by positions that start
over where there is no attention mask.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def end_to_end(ids: Tensor, mask: Tensor, keep: int) -> dict[str, Tensor]:
    """(B, L) ids and mask to (1, T) `input_ids`, `position_ids` and `shift_labels`, T being the ones in `mask`.

    The labels stand at the token before the one they name, and name the unmasked among the last `keep` columns.
    """
    ones = mask.bool()
    labels = ids.masked_fill(~ones, -100)
    labels[:, :-keep] = -100
    ahead = nn.functional.pad(labels[:, 1:], (0, 1), value=-100)
    positions = mask.long().cumsum(1) - 1
    return {"input_ids": ids[ones][None], "position_ids": positions[ones][None], "shift_labels": ahead[ones][None]}


def back_to_rows(values: Tensor, mask: Tensor, keep: int) -> Tensor:
    """(1, T) values that stand at the token before the one they are of, to the last `keep` columns of (B, L)."""
    rows = values.new_zeros(mask.shape).masked_scatter(mask.bool(), values[0])
    return rows[:, -keep - 1 : -1]


def supports(model: Any, device: torch.device) -> bool:
    """Whether `model` runs flash attention here, in all its layers."""
    flash = "flash" in (getattr(model.config, "_attn_implementation", None) or "")
    layers = set(getattr(model.config, "layer_types", None) or [])
    return flash and device.type == "cuda" and layers <= {"full_attention", "sliding_attention"} and not stateful(model)


def stateful(model: Any) -> bool:
    """Whether it carries a state from token to token (Mamba and its like), which positions do not reset."""
    return bool(getattr(model, "_is_stateful", False))
