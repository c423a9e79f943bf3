"""What tests ask about processes."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil


def offspring(pid: int | None = None) -> set[int]:
    """All processes below one, this one by default."""
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def alive(pids: Iterable[int]) -> set[int]:
    """Those of `pids` that still run."""
    found = set()
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_until_gone(pids: Iterable[int]) -> None:
    """Wait up to ten seconds for them to end."""
    for _ in range(100):
        if not alive(pids):
            return
        time.sleep(0.1)
    raise AssertionError(f"still there: {alive(pids)}")
