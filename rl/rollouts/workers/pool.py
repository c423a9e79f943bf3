"""The workers of a run, seen to by one thread in the background: asked, probed, brought to the current weights.

A worker that fails in any way is dropped: the reason is said and counted, what it had goes to the others, and it is
asked again later. Weights are brought to a worker when it has nothing under way, and before it serves; a rollout from
others than were asked for is not taken.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from rl.errors import UserError
from rl.rollouts.transformers import Completion
from rl.rollouts.workers.spread import Job, Limits, Spread, Ticket
from rl.rollouts.workers.standing import Standing
from rl.rollouts.workers.worker import NotReady, Request, Source, Timing, Worker, WorkerFault

T = TypeVar("T")

MOST_BLAMED = 10
"""Workers that one rollout may cost before it counts as the one that is wrong."""
HEARTBEAT, NOT_YET = 10.0, 0.5
"""Seconds between two heartbeats of a worker that serves, and until another rank may have brought the weights."""


class Pool:
    """`workers`, as one rank sees them. Rank 0 brings them their weights; the others wait until it has."""

    def __init__(
        self,
        workers: Sequence[Worker],
        limits: Limits | None = None,
        rank: int = 0,
        timing: Timing | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.workers, self.rank, self.timing, self.say = list(workers), rank, timing or Timing(), say
        self.counts: Counter[str] = Counter()
        """What happened since they were last cleared: `worker_failures`, `retried`, `stale_answers`."""
        self.standings = [Standing() for _ in workers]
        self.source: Source | None = None
        self._spread = Spread(len(workers), limits, rank)
        self._wanted: dict[int, tuple[Request, Future[Completion]]] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._numbers = 0
        self._deserted: float | None = time.monotonic()
        self._loop = asyncio.new_event_loop()
        self._wake = [asyncio.Event() for _ in workers]
        self._keepers = [self._loop.create_task(self._keep(place)) for place in range(len(workers))]
        self._thread = threading.Thread(target=self._loop.run_forever, name="rollout workers", daemon=True)
        self._thread.start()

    # From the trainer's thread -----------------------------------------------------------------

    def submit(self, requests: Sequence[Request], needs: int) -> list[Future[Completion]]:
        """Ask for rollouts by weights of at least version `needs`."""
        return self._call(self._submit(requests, needs))

    def ask_one(self, place: int, requests: Sequence[Request]) -> list[Completion] | None:
        """The rollouts of the current weights by one worker; None where it does not serve, or fails."""
        return self._call(self._ask_one(place, requests))

    def withdraw(self, futures: Sequence[Future[Completion]]) -> None:
        """Forget rollouts that nobody wants any more."""
        self._call(self._withdraw(futures))

    def publish(self, source: Source) -> None:
        """From now on these are the current weights; their files stay until those after the next are published."""
        self._call(self._publish(source))

    def deserted(self) -> float:
        """Seconds for which no worker has served."""
        since = self._deserted
        return 0.0 if since is None else time.monotonic() - since

    def serving(self) -> int:
        """Workers that serve."""
        return sum(standing.serves for standing in self.standings)

    def reasons(self) -> str:
        """Why each worker that does not serve does not."""
        pairs = zip(self.workers, self.standings, strict=True)
        return "; ".join(f"{worker.address}: {standing.reason}" for worker, standing in pairs if not standing.serves)

    def close(self) -> None:
        """End the thread; rollouts under way are given up."""
        if self._thread.is_alive():
            self._call(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    # Rollouts ----------------------------------------------------------------------------------

    async def _submit(self, requests: Sequence[Request], needs: int) -> list[Future[Completion]]:
        futures = []
        for request in requests:
            future: Future[Completion] = Future()
            self._wanted[self._numbers] = request, future
            self._spread.add([Job(self._numbers, len(request.prompt), request.budget, needs)])
            self._numbers += 1
            futures.append(future)
        self._dispatch()
        return futures

    async def _withdraw(self, futures: Sequence[Future[Completion]]) -> None:
        given = set(map(id, futures))
        gone = [number for number, (_, future) in self._wanted.items() if id(future) in given]
        for ticket in self._spread.withdraw(gone):
            self._cancel(ticket)
        for number in gone:
            del self._wanted[number]

    def _dispatch(self) -> None:
        """Ask for all that can be asked for now; have workers without work brought up to date."""
        serving = {w: s.version for w, s in enumerate(self.standings) if s.serves and s.version is not None}
        for ticket in self._spread.assign(
            serving, [w for w, s in enumerate(self.standings) if s.coming or self._old(w)]
        ):
            self._asking[ticket.number] = self._loop.create_task(self._ask(ticket))
        for place in serving:
            if self._behind(place):
                self._wake[place].set()

    async def _ask(self, ticket: Ticket) -> None:
        request, _ = self._wanted[ticket.job.number]
        seconds = self.timing.of(request.budget)
        try:
            async with asyncio.timeout(seconds):
                completion, weights = await self.workers[ticket.worker].complete(request)
            self._settle(ticket, completion, weights)
        except TimeoutError:
            self._fail(ticket.worker, f"a rollout of at most {request.budget} tokens took over {seconds:.0f} s", ticket)
        except WorkerFault as fault:
            self._fail(ticket.worker, str(fault), ticket)
        except NotReady:
            self._spread.give_back(ticket)
            self._step_aside(ticket.worker)
        except Exception as error:  # a mistake of the user's, or ours
            self._give_up(ticket, error)
        finally:
            self._asking.pop(ticket.number, None)
        self._dispatch()

    async def _ask_one(self, place: int, requests: Sequence[Request]) -> list[Completion] | None:
        standing, worker, source = self.standings[place], self.workers[place], self.source
        assert source is not None
        while standing.version != source.version:
            if standing.failures:
                return None
            await asyncio.sleep(NOT_YET / 10)
        try:
            async with asyncio.timeout(max((self.timing.of(r.budget) for r in requests), default=0.0)):
                answers = await asyncio.gather(*(worker.complete(request) for request in requests))
        except NotReady:
            return None
        except (WorkerFault, TimeoutError) as fault:
            self._fail(place, str(fault) or "no answer in time")
            return None
        return [replace(completion, weight_version=source.version_of(id)) for completion, id in answers]

    def _settle(self, ticket: Ticket, completion: Completion, weights: int | None) -> None:
        version = self.source.version_of(weights) if self.source else None
        if version is None or version < ticket.job.needs:
            self.counts["stale_answers"] += 1
            raise WorkerFault("it answered from other weights than it was given")
        if self._spread.settle(ticket):
            self.standings[ticket.worker].answered()
            _, future = self._wanted.pop(ticket.job.number)
            future.set_result(replace(completion, weight_version=version))

    def _give_up(self, ticket: Ticket, error: Exception) -> None:
        """The rollout cannot be had: whoever wants it is told."""
        if self._spread.settle(ticket):
            _, future = self._wanted.pop(ticket.job.number)
            future.set_exception(error)

    def _cancel(self, ticket: Ticket) -> None:
        task = self._asking.pop(ticket.number, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    # Workers -----------------------------------------------------------------------------------

    def _fail(self, place: int, reason: str, blame: Ticket | None = None) -> None:
        """Drop a worker; what it had waits for others."""
        if blame is not None and not self._spread.is_open(blame):
            return  # it was dropped already
        standing, served = self.standings[place], self.standings[place].serves
        news = served or standing.failures == 0
        standing.fail(reason, time.monotonic())
        lost = self._spread.drop(place, blame)
        for ticket in lost:
            self._cancel(ticket)
        if served:
            self.counts["worker_failures"] += 1
            self.counts["retried"] += len(lost)
        if news:
            self.say(f"rollout worker {self.workers[place].address} is left out: {reason}" + _waiting(len(lost)))
        self._note_desertion()
        if blame is not None and self._spread.blamed[blame.job.number] >= MOST_BLAMED:
            self._end_rollout(blame.job.number, reason)
        self._wake[place].set()

    def _step_aside(self, place: int) -> None:
        """A worker is to say which weights it holds before it is asked for more; what it has it may finish."""
        if self.standings[place].serves:
            self.standings[place].step_aside(time.monotonic() + NOT_YET)
            self._note_desertion()
            self._wake[place].set()

    def _note_desertion(self) -> None:
        if self._deserted is None and not self.serving():
            self._deserted = time.monotonic()

    def _end_rollout(self, number: int, reason: str) -> None:
        """One rollout cost worker after worker: it is given up, so that the run ends with the reason."""
        self._spread.withdraw([number])
        _, future = self._wanted.pop(number)
        future.set_exception(UserError(f"rollout workers failed {MOST_BLAMED} times on one prompt, lastly: {reason}"))

    def _join(self, place: int, version: int) -> None:
        standing = self.standings[place]
        if not standing.serves and standing.failures:
            self.say(f"rollout worker {self.workers[place].address} serves again")
        standing.join(version)
        self._deserted = None
        self._dispatch()

    async def _publish(self, source: Source) -> None:
        self.source = source
        for wake in self._wake:
            wake.set()

    def _behind(self, place: int) -> bool:
        """Whether a worker is to be brought to the current weights now: never under its rollouts."""
        return self._old(place) and not self._spread.under_way(place)

    def _old(self, place: int) -> bool:
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
                self._fail(place, str(error) or repr(error))
            woken = await self._pause(place, min(pause, HEARTBEAT))
            if not woken and standing.serves:
                await self._beat(place)

    async def _bring_up(self, place: int, source: Source) -> float:
        """Have a worker hold these weights, if this rank may; seconds until it is worth while to look again."""
        worker = self.workers[place]
        holds = source.version_of(await self._probe(place))
        self.standings[place].coming = not self.standings[place].serves
        if holds is None or holds < source.version:
            if self.rank:
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
                self._step_aside(place)  # it was started anew, or rank 0 has given it others
        except Exception as fault:
            if self.standings[place].serves and self.standings[place].miss():
                self._fail(place, str(fault))

    async def _pause(self, place: int, seconds: float) -> bool:
        """Until the time is over, or there is something to do: whether there is."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake[place].wait()
        except TimeoutError:
            return False
        return True

    async def _end(self) -> None:
        tasks = [*self._keepers, *self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self.workers), return_exceptions=True)


def _waiting(lost: int) -> str:
    return f"; its {lost} rollouts go to others" if lost else ""
