"""Objects made by the million, kept from the collector of cycles, which would look at all of them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 200_000
"""Objects that are worth one whole collection."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Make objects that stay and stand in no cycle: nothing is collected in this block, nor many of them afterwards.

    They go where nothing refers to them any more, as ever.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY:
            gc.collect()  # a cycle that is let go by now would stay for good
            gc.freeze()
        if on:
            gc.enable()
