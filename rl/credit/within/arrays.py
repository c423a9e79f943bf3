"""One code for NumPy's arrays, as commands have them, and torch's tensors, as training has: the array API's names.

What the standard has no name for takes torch's own function where there is one: a trained run keeps its bits.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace

Array = Any
"""An array of NumPy, or a tensor of torch."""
_OURS = __name__.partition("within")[0]


def wanted(estimator: Callable[..., Any]) -> ModuleType | None:
    """The library whose arrays an estimator wants; None, of ours: it takes those of any.

    One from elsewhere may be written on tensors: it gets them wherever torch is installed, NumPy's arrays otherwise.
    """
    if getattr(estimator, "__module__", "").startswith(_OURS):
        return None
    return import_module(f"array_api_compat.{'torch' if find_spec('torch') else 'numpy'}")


def sigmoid(values: Array) -> Array:
    xp = array_namespace(values)
    return xp.sigmoid(values) if hasattr(xp, "sigmoid") else 1 / (1 + xp.exp(-values))


def softmax(rows: Array) -> Array:
    """Of each row of (groups, G)."""
    xp = array_namespace(rows)
    if hasattr(xp, "softmax"):
        return xp.softmax(rows, 1)
    powers = xp.exp(rows - xp.max(rows, axis=1, keepdims=True)) if rows.shape[0] else rows
    return powers / xp.sum(powers, axis=1, keepdims=True)
