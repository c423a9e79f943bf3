"""The workers of a run, seen to by one thread in the background: probed, brought to the current weights, left out.

A worker that fails in any way is dropped: the reason is said and counted, and it is asked again later. Weights are
brought to a worker when it has nothing under way, and before it serves.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from rl.rollouts.workers.spread import Ticket
from rl.rollouts.workers.standing import Standing
from rl.rollouts.workers.worker import Source, Timing, Worker, WorkerFault

T = TypeVar("T")

HEARTBEAT, NOT_YET = 10.0, 0.5
"""Seconds between two heartbeats of a worker that serves, and until somebody else may have brought the weights."""


class Work(Protocol):
    """What the workers are kept for. A keeper calls it in its own thread."""

    def busy(self, place: int) -> bool:
        """Whether a worker has rollouts under way."""

    def take_back(self, place: int, reason: str, blame: Ticket | None) -> int:
        """A worker failed: what it had is asked of others; how many rollouts those are."""

    def dispatch(self) -> None:
        """Ask for all that can be asked for now."""


class Keeper:
    """`workers`, as one rank sees them. Rank 0 brings them their weights; the others wait until it has.

    Nothing happens before `start`, by which `work` has to be ready.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        work: Work,
        rank: int = 0,
        timing: Timing | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.workers, self.rank, self.timing, self.say = list(workers), rank, timing or Timing(), say
        self._work = work
        self.counts: Counter[str] = Counter()
        """What happened since they were last cleared: `worker_failures`, `retried`, `stale_answers`."""
        self.failures: Counter[int] = Counter()
        """Of each worker, over the whole run."""
        self.standings = [Standing() for _ in workers]
        self.source: Source | None = None
        self._deserted: float | None = time.monotonic()
        self._loop = asyncio.new_event_loop()
        self._wake = [asyncio.Event() for _ in workers]
        self._keepers: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="rollout workers", daemon=True)

    # From the trainer's thread -----------------------------------------------------------------

    def start(self) -> None:
        """Begin to see to the workers."""
        self._keepers = [self._loop.create_task(self._keep(place)) for place in range(len(self.workers))]
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, run in the background."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def answers(self, place: int) -> bool:
        """Whether a worker is there, whatever it holds."""
        try:
            self.call(self._probe(place))
        except Exception:  # its keeper will find out, too
            return False
        return True

    def leave_out(self, place: int, reason: str) -> None:
        """Drop a worker."""

        async def fail() -> None:
            self.fail(place, reason)

        self.call(fail())

    def deserted(self) -> float:
        """Seconds for which no worker has served that takes every rollout."""
        since = self._deserted
        return 0.0 if since is None else time.monotonic() - since

    def serving(self) -> int:
        """Workers that serve."""
        return sum(standing.serves for standing in self.standings)

    def reasons(self) -> str:
        """Why each worker that does not serve, or not take every rollout, does not."""
        pairs = zip(self.workers, self.standings, strict=True)
        return "; ".join(f"{worker.address}: {standing.reason}" for worker, standing in pairs if not standing.takes_all)

    def close(self) -> None:
        """End the thread; rollouts under way are given up."""
        if self._thread.is_alive():
            self.call(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    # In the background -------------------------------------------------------------------------

    def renew(self, source: Source) -> None:
        """From now on these are the current weights."""
        self.source = source
        for wake in self._wake:
            wake.set()

    def fail(self, place: int, reason: str, blame: Ticket | None = None) -> None:
        """Drop a worker, for its answer to `blame` if that is given."""
        standing = self.standings[place]
        served, first = standing.serves, standing.failures == 0
        standing.fail(reason, time.monotonic())
        self.failures[place] += 1
        lost = self._work.take_back(place, reason, blame)
        if served or lost:
            self.counts["worker_failures"] += 1
            self.counts["retried"] += lost
        if served or lost or first:
            others = f"; its {lost} rollouts go to others" if lost else ""
            self.say(f"rollout worker {self.workers[place].address} is left out: {reason}{others}")
        self._note_desertion()
        self._work.dispatch()
        self._wake[place].set()

    def step_aside(self, place: int) -> None:
        """A worker is to say which weights it holds before it is asked for more; what it has it may finish."""
        if self.standings[place].serves:
            self.standings[place].step_aside(time.monotonic() + NOT_YET)
            self._note_desertion()
            self._wake[place].set()

    def _note_desertion(self) -> None:
        if self._deserted is None and not any(standing.takes_all for standing in self.standings):
            self._deserted = time.monotonic()

    def _join(self, place: int, version: int) -> None:
        standing = self.standings[place]
        if not standing.serves and standing.failures:
            self.say(f"rollout worker {self.workers[place].address} serves again")
        standing.join(version)
        if standing.takes_all:
            self._deserted = None
        self._work.dispatch()

    def bring_if_idle(self, place: int) -> None:
        """Have a worker brought to the current weights, if it is to be now."""
        if self._behind(place):
            self._wake[place].set()

    def _behind(self, place: int) -> bool:
        """Whether a worker is to be brought to the current weights now: under its rollouts only where they say so."""
        at_once = self.source is not None and self.source.between_tokens
        return self.is_old(place) and (at_once or not self._work.busy(place))

    def is_old(self, place: int) -> bool:
        """Whether a worker serves, from other weights than the current ones."""
        standing = self.standings[place]
        source = self.source
        return (
            standing.serves and source is not None and (standing.version is None or standing.version < source.version)
        )

    async def _keep(self, place: int) -> None:
        """See to one worker for as long as the pool is there."""
        standing = self.standings[place]
        while True:
            pause = HEARTBEAT
            self._wake[place].clear()
            try:
                if self.source is not None and (standing.due(time.monotonic()) or self._behind(place)):
                    pause = await self._bring_up(place, self.source)
                elif not standing.serves:
                    pause = max(standing.retry_at - time.monotonic(), NOT_YET)
            except Exception as error:  # whatever it is, somebody must see to the worker
                self.fail(place, str(error) or repr(error))
            woken = await self._pause(place, min(pause, HEARTBEAT))
            if not woken and standing.serves:
                await self._beat(place)

    async def _bring_up(self, place: int, source: Source) -> float:
        """Have a worker hold these weights, if this rank may; seconds until it is worth while to look again."""
        worker = self.workers[place]
        holds = source.version_of(await self._probe(place))
        self.standings[place].coming = not self.standings[place].serves
        if holds is None or holds < source.version:
            if self.rank or source.folder is None:
                return NOT_YET
            try:
                async with asyncio.timeout(self.timing.load):
                    await worker.load(source)
            except TimeoutError:
                raise WorkerFault(f"loading weights took over {self.timing.load:.0f} s") from None
            holds = source.version
        self._join(place, holds)
        return HEARTBEAT

    async def _probe(self, place: int) -> int | None:
        try:
            async with asyncio.timeout(self.timing.probe):
                return await self.workers[place].holds()
        except TimeoutError:
            raise WorkerFault(f"no sign of life in {self.timing.probe:.0f} s") from None

    async def _beat(self, place: int) -> None:
        try:
            holds = await self._probe(place)
            self.standings[place].missed = 0
            if self.source is not None and self.source.version_of(holds) != self.standings[place].version:
                self.step_aside(place)  # it was started anew, or rank 0 has given it others
        except Exception as fault:
            if self.standings[place].serves and self.standings[place].miss():
                self.fail(place, str(fault))

    async def _pause(self, place: int, seconds: float) -> bool:
        """Until the time is over, or there is something to do: whether there is."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake[place].wait()
        except TimeoutError:
            return False
        return True

    async def _end(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self.workers), return_exceptions=True)
