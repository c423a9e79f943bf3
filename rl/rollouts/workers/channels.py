"""Channels that weights are sent through, one to each worker; a worker that failed meanwhile gets a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from torch import Tensor


class Channel(Protocol):
    """To one worker; `rl.rollouts.vllm.nccl.NcclChannel` is one."""

    def send(self, tensors: Mapping[str, Tensor], version: int) -> None: ...

    def close(self) -> None: ...


class Channels:
    """`begin(place)` opens the channel to the worker at that place."""

    def __init__(self, begin: Callable[[int], Channel]) -> None:
        self.begin = begin
        self._open: dict[int, tuple[int, Channel]] = {}

    def of(self, place: int, failures: int) -> Channel:
        """The channel to a worker that has failed so often so far. Errors: whatever `begin` raises."""
        life, channel = self._open.get(place, (-1, None))
        if channel is None or life != failures:
            self._close(place)
            channel = self.begin(place)
            self._open[place] = failures, channel
        return channel

    def close(self) -> None:
        for place in list(self._open):
            self._close(place)

    def _close(self, place: int) -> None:
        _, channel = self._open.pop(place, (0, None))
        if channel is not None:
            try:
                channel.close()
            except Exception:  # the worker at its other end is gone
                return
