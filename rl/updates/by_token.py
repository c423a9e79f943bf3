"""Which tokens of rollouts are in the loss, and with what advantage, where that is not the rollout's own everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rewards.types import Spans

Credit = Sequence[float] | None
"""The advantage of each token of a rollout; None: its own everywhere."""


def trained(length: int, masked: Spans) -> NDArray[np.int64]:
    """(length,): 1 where a token is in the loss, 0 in the spans that are `masked`."""
    found = np.ones(length, dtype=np.int64)
    for start, stop in masked:
        found[start:stop] = 0
    return found


def advantages(own: Tensor, credits: Sequence[Credit], width: int) -> Tensor:
    """(rows, width) advantages of tokens for TRL's loss, from those of rollouts (rows,); these, where none has credit.

    A rollout's own stands where it has no credit, and after its last token.
    """
    if all(credit is None for credit in credits):
        return own
    found = own.unsqueeze(1).repeat(1, width)
    for line, credit in zip(found, credits, strict=True):
        if credit is not None:
            line[: len(credit)] = torch.from_numpy(np.array(credit, dtype=np.float32))
    return found
