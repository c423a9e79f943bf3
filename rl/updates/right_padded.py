"""Rows with their padding on the right, where what comes before a row may change what a model makes of it.

Nothing that comes after a token changes it, padding least of all. Padding before it may: a recurrent state or a
convolution carries it on, and learned positions count it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def right_padded(
    log_probs: Callable[..., Any], model: Any, ids: Tensor, mask: Tensor, keep: int, *args: Any, **kwargs: Any
) -> Any:
    """TRL's log-probs and entropies, (B, keep) each, of left-padded ids and mask (B, L), as of rows that begin at 0."""
    width = ids.size(1)
    before = mask.argmax(1, keepdim=True)
    places = torch.arange(width, device=ids.device) + before
    inside = places < width
    places = places.clamp(max=width - 1)
    most = int(before.max())
    values = log_probs(model, ids.gather(1, places), mask.gather(1, places) * inside, keep + most, *args, **kwargs)
    back = torch.arange(keep, device=ids.device) + most - before
    logps, entropies, *rest = values
    return (logps.gather(1, back), None if entropies is None else entropies.gather(1, back), *rest)
