"""Siblings that a trainer hands over one by one wait for one another, and are scored together.

A group waits for its next rollout for so many seconds, then it is scored as it is: one dead sibling does not hang the
step. One that comes later is scored with those that had come. All of it happens on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _Waiting(Generic[T, R]):
    """A group on its way."""

    size: int
    members: list[T] = field(default_factory=list)
    futures: list[asyncio.Future[R]] = field(default_factory=list)
    gone: int = 0
    """Siblings that will not come."""
    late: bool = False
    """Whether it was scored without all of them."""
    scored: bool = False
    clock: asyncio.TimerHandle | None = None


class Barrier(Generic[T, R]):
    """`score` makes one result a member; it is called in a thread of its own, one group after another.

    It is told whether the members are a group's first: those who come late are scored with them once more.
    """

    def __init__(self, score: Callable[[Sequence[T], bool], Sequence[R]], patience: float) -> None:
        self.score, self.patience = score, patience
        self.released = 0
        """Groups that were scored without all of their rollouts."""
        self.missing = 0
        """Rollouts that failed, or had not come by then."""
        self._groups: dict[Hashable, _Waiting[T, R]] = {}
        self._thread = ThreadPoolExecutor(1)

    @asynccontextmanager
    async def place(self, key: Hashable, size: int) -> AsyncIterator[Callable[[T], asyncio.Future[R]]]:
        """A sibling's place in the group `key` of `size`: what it gives is called with the member, and awaited.

        A block that is left without that counts as a rollout that failed.
        """
        group = self._groups.setdefault(key, _Waiting(size))
        came = False

        def join(member: T) -> asyncio.Future[R]:
            nonlocal came
            came = True
            future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            group.members.append(member)
            group.futures.append(future)
            self._go_on(key, group)
            return future

        try:
            yield join
        finally:
            if not came:
                group.gone += 1
                self.missing += not group.late  # else it was counted when the group was released
                self._go_on(key, group)

    def _go_on(self, key: Hashable, group: _Waiting[T, R]) -> None:
        whole = len(group.members) + group.gone >= group.size
        if group.clock is not None:
            group.clock.cancel()
            group.clock = None
        if whole:
            self._groups.pop(key, None)
        if whole or group.late:
            if whole and group.gone and not group.late:
                self.released += 1
            self._score(group)
        if not whole:
            group.clock = asyncio.get_running_loop().call_later(self.patience, self._release, key, group)

    def _release(self, key: Hashable, group: _Waiting[T, R]) -> None:
        """Nobody came for long."""
        if group.late:  # nor after it was scored: nobody will
            self._groups.pop(key, None)
            return
        if group.members:
            group.late = True
            self.released += 1
            self.missing += group.size - len(group.members) - group.gone
            self._score(group)
        group.clock = asyncio.get_running_loop().call_later(self.patience, self._release, key, group)

    def _score(self, group: _Waiting[T, R]) -> None:
        """Give those who wait their results."""
        waiting = [(place, each) for place, each in enumerate(group.futures) if not each.done()]
        if not waiting:
            return
        members, first = tuple(group.members), not group.scored
        group.scored = True
        task = asyncio.get_running_loop().run_in_executor(self._thread, self.score, members, first)

        def give(done: asyncio.Future[Sequence[R]]) -> None:
            for place, future in waiting:
                if future.done():  # whoever waited was cancelled
                    continue
                if (error := done.exception()) is not None:
                    future.set_exception(error)
                else:
                    future.set_result(done.result()[place])

        task.add_done_callback(give)
