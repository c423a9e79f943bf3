"""Rows of a factory taken as they come, and no more of them than a run could hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psutil

from rl.errors import UserError

MOST_ROWS = 10_000_000
SHARE = 0.5
"""Of the memory that is free as the first row comes."""
OFTEN = 1024
"""Rows between two looks at the memory."""


def gathered(rows: Iterable[Any], what: str) -> list[Any]:
    """All rows. Errors: UserError naming `what` where they do not end, or do not fit into memory."""
    process = psutil.Process()
    begun, room = process.memory_info().rss, SHARE * psutil.virtual_memory().available
    found: list[Any] = []
    for row in rows:
        found.append(row)
        if len(found) > MOST_ROWS:
            raise UserError(f"{what} gave over {MOST_ROWS:,} rows and goes on; does it end?")
        if len(found) % OFTEN == 0 and process.memory_info().rss - begun > room:
            raise UserError(f"{what}: its first {len(found):,} rows take half of the free memory; does it end?")
    return found
