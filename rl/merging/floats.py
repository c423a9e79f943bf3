"""Weights as NumPy holds them: of bfloat16, which it has not, the bits, widened and rounded by shifts.

All that needs no matrix product is done with these, so that a merge need not wait for torch to be imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Raw = NDArray[Any]
"""Values of any dtype as they lie in a file."""

FLOATS: Mapping[str, np.dtype[Any]] = {
    "F32": np.dtype(np.float32),
    "BF16": np.dtype(np.uint16),
    "F16": np.dtype(np.float16),
}
"""What can be merged, by its name in the files."""
NAMES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
"""What configurations call it."""


def widened(values: Raw, kind: str) -> Floats:
    """Values of this kind as float32, in memory of their own unless they are."""
    if kind == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32, copy=False)


def narrowed(values: Floats, kind: str) -> Raw:
    """Rounded to the nearest of this kind, of two as near to the even one, as torch does; NaN stays NaN."""
    if kind != "BF16":
        with np.errstate(over="ignore"):
            return values.astype(FLOATS[kind], copy=False)
    bits = np.ascontiguousarray(values).view(np.uint32)
    found = ((bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16).astype(np.uint16)
    found[np.isnan(values)] = 0x7FC0
    return found
