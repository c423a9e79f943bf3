"""What tests ask about processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil
import torch


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


def patience() -> float:
    """Seconds that a rank's process group waits for the others."""
    group = torch.distributed.distributed_c10d._get_default_group()
    seconds: float = group._get_backend(torch.device("cpu")).options._timeout.total_seconds()
    return seconds


PATIENCE = 900
"""Seconds after which a test gives up waiting: only a fault takes so long, on a busy machine too."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Errors: AssertionError saying `what` did not come about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s in vain until {what}"
        time.sleep(0.05)


def wait_until_gone(pids: Iterable[int]) -> None:
    """Wait for them to end."""
    wait_until(lambda: not alive(pids), f"{pids} are gone")
