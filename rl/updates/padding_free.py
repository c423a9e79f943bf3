"""A padded batch as one row without padding, for attention that tells sequences apart.

Ours (`varlen.py`) is told where each begins. To flash attention transformers says it, which recognises such a row by
positions that start over where there is no attention mask.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rl.updates import varlen


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


def inputs_of(model: Any, ids: Tensor, mask: Tensor, keep: int) -> dict[str, Any]:
    """The same, with what tells sequences apart in the attention of `model`."""
    row: dict[str, Any] = end_to_end(ids, mask, keep)
    if _attention(model) != varlen.NAME:
        return row
    lengths = mask.sum(1)
    starts = nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    # A mask of four dimensions is taken as it is: none of (T, T) is made, and ours looks at none.
    nothing = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=ids.device)
    return {**row, "attention_mask": nothing, "cu_seq_lens_q": starts, "max_length_q": int(lengths.max())}


def back_to_rows(values: Tensor, mask: Tensor, keep: int) -> Tensor:
    """(1, T) values that stand at the token before the one they are of, to the last `keep` columns of (B, L)."""
    rows = values.new_zeros(mask.shape).masked_scatter(mask.bool(), values[0])
    return rows[:, -keep - 1 : -1]


def supports(model: Any, device: torch.device) -> bool:
    """Whether `model` runs such attention here, in all its layers."""
    name = _attention(model)
    layers = set(getattr(model.config, "layer_types", None) or [])
    known = name == varlen.NAME or "flash" in name
    return known and device.type == "cuda" and layers <= {"full_attention", "sliding_attention"} and not stateful(model)


def _attention(model: Any) -> str:
    """By its name in transformers; of a model under wrappers, too."""
    while not hasattr(model, "config") and hasattr(model, "module"):
        model = model.module
    return getattr(model.config, "_attn_implementation", None) or ""


def stateful(model: Any) -> bool:
    """Whether it carries a state from token to token (Mamba and its like), which positions do not reset."""
    return bool(getattr(model, "_is_stateful", False))
