"""The workers of a run, asked for rollouts: each made once, by weights that are not older than it needs.

What a failed worker had goes to the others; a rollout from other weights than were asked for is not taken.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import replace

from rl.errors import UserError
from rl.rollouts.ask import Ask, Completion
from rl.rollouts.workers.keeper import Keeper
from rl.rollouts.workers.spread import Job, Limits, Spread, Ticket
from rl.rollouts.workers.worker import NotReady, Refusal, Source, Timing, Worker, WorkerFault

MOST_BLAMED = 10
"""Workers that one rollout may cost before it counts as the one that is wrong."""
POLL = 0.02
"""Seconds between two looks at whether something has ended."""


class Pool:
    """Rollouts by `workers`, of which each has at most `limits` under way for this rank.

    A `Keeper` sees to the workers, and this is the work that it keeps them for.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        limits: Limits | None = None,
        rank: int = 0,
        timing: Timing | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.workers, self.timing = list(workers), timing or Timing()
        self._spread = Spread(len(workers), limits, rank)
        self._wanted: dict[int, tuple[Ask, Future[Completion]]] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._numbers = 0
        self._held = False
        self._keeper = Keeper(self.workers, self, rank, self.timing, say)
        self.counts, self.failures, self.standings = self._keeper.counts, self._keeper.failures, self._keeper.standings
        self._keeper.start()

    # From the trainer's thread: the workers ----------------------------------------------------

    @property
    def source(self) -> Source | None:
        """The current weights."""
        return self._keeper.source

    def publish(self, source: Source) -> None:
        """From now on these are the current weights; their files stay until those after the next are published."""
        self._keeper.call(self._publish(source))

    def answers(self, place: int) -> bool:
        """Whether a worker is there, whatever it holds."""
        return self._keeper.answers(place)

    def leave_out(self, place: int, reason: str) -> None:
        """Drop a worker."""
        self._keeper.leave_out(place, reason)

    def deserted(self) -> float:
        """Seconds for which no worker has served."""
        return self._keeper.deserted()

    def serving(self) -> int:
        """Workers that serve."""
        return self._keeper.serving()

    def reasons(self) -> str:
        """Why each worker that does not serve does not."""
        return self._keeper.reasons()

    def close(self) -> None:
        """End the thread; rollouts under way are given up."""
        self._keeper.close()

    # From the trainer's thread: rollouts -------------------------------------------------------

    def submit(self, requests: Sequence[Ask], needs: int) -> list[Future[Completion]]:
        """Ask for rollouts by weights of at least version `needs`."""
        return self._keeper.call(self._submit(requests, needs))

    def ask_one(self, place: int, requests: Sequence[Ask]) -> list[Completion] | None:
        """The rollouts of the current weights by one worker; None where it does not serve, or fails."""
        return self._keeper.call(self._ask_one(place, requests))

    def withdraw(self, futures: Sequence[Future[Completion]]) -> None:
        """Forget rollouts that nobody wants any more."""
        self._keeper.call(self._withdraw(futures))

    def hold(self) -> None:
        """Ask for nothing more until the next weights are published, and wait for what is under way."""
        self._held = True
        while any(self._spread.under_way(place) for place in range(len(self.workers))):
            time.sleep(POLL)

    # In the background -------------------------------------------------------------------------

    async def _publish(self, source: Source) -> None:
        self._held = False
        self._keeper.renew(source)

    async def _submit(self, requests: Sequence[Ask], needs: int) -> list[Future[Completion]]:
        futures = []
        for request in requests:
            future: Future[Completion] = Future()
            self._wanted[self._numbers] = request, future
            self._spread.add([Job(self._numbers, len(request.prompt), request.budget, needs)])
            self._numbers += 1
            futures.append(future)
        self.dispatch()
        return futures

    async def _withdraw(self, futures: Sequence[Future[Completion]]) -> None:
        given = set(map(id, futures))
        gone = [number for number, (_, future) in self._wanted.items() if id(future) in given]
        for ticket in self._spread.withdraw(gone):
            self._cancel(ticket)
        for number in gone:
            del self._wanted[number]

    def dispatch(self) -> None:
        """Ask for all that can be asked for now; have workers without work brought up to date."""
        if self._held:
            return
        serving = {w: s.version for w, s in enumerate(self.standings) if s.serves and s.version is not None}
        for ticket in self._spread.assign(
            serving, [w for w, s in enumerate(self.standings) if s.coming or self._keeper.is_old(w)]
        ):
            self._asking[ticket.number] = asyncio.create_task(self._ask(ticket))
        for place in serving:
            self._keeper.bring_if_idle(place)

    async def _ask(self, ticket: Ticket) -> None:
        request, _ = self._wanted[ticket.job.number]
        seconds = self.timing.of(request.budget)
        try:
            async with asyncio.timeout(seconds):
                completion, weights = await self.workers[ticket.worker].complete(request)
            self._settle(ticket, completion, weights)
        except TimeoutError:
            self._fail(ticket.worker, f"a rollout of at most {request.budget} tokens took over {seconds:.0f} s", ticket)
        except Refusal as refusal:
            self._refuse(ticket, str(refusal))
        except NotReady:
            self._spread.give_back(ticket)
            self._keeper.step_aside(ticket.worker)
        except UserError as error:
            self._give_up(ticket, error)
        except Exception as error:  # one worker's, whatever it is: if it is ours, it will cost every worker
            self._fail(ticket.worker, _line(error), ticket)
        finally:
            self._asking.pop(ticket.number, None)
        self.dispatch()

    async def _ask_one(self, place: int, requests: Sequence[Ask]) -> list[Completion] | None:
        standing, worker, source = self.standings[place], self.workers[place], self.source
        assert source is not None
        while standing.version != source.version:
            if standing.failures:
                return None
            await asyncio.sleep(POLL)
        try:
            async with asyncio.timeout(max((self.timing.of(r.budget) for r in requests), default=0.0)):
                answers = await asyncio.gather(*(worker.complete(request) for request in requests))
        except NotReady:
            return None
        except UserError:
            raise
        except Exception as fault:
            self._fail(place, "no answer in time" if isinstance(fault, TimeoutError) else _line(fault))
            return None
        return [
            replace(each, weight_version=source.oldest(weights), segments=source.segments(each.segments))
            for each, weights in answers
        ]

    def _settle(self, ticket: Ticket, completion: Completion, weights: Collection[int | None]) -> None:
        source = self.source
        version = source.oldest(weights) if source else None
        if source is None or version is None or version < ticket.job.needs:
            self.counts["stale_answers"] += 1
            raise WorkerFault("it answered from other weights than it was given")
        if self._spread.settle(ticket):
            self.standings[ticket.worker].answered()
            _, future = self._wanted.pop(ticket.job.number)
            segments = source.segments(completion.segments)
            future.set_result(replace(completion, weight_version=version, segments=segments))

    def _give_up(self, ticket: Ticket, error: Exception) -> None:
        """The rollout cannot be had: whoever wants it is told."""
        if self._spread.settle(ticket):
            _, future = self._wanted.pop(ticket.job.number)
            future.set_exception(error)

    def _refuse(self, ticket: Ticket, reason: str) -> None:
        """A worker does not take what others may: it is left out, and the run ends if none is left."""
        if not self._spread.is_open(ticket):
            return
        if self._spread.refuse(ticket):
            self.standings[ticket.worker].refused = True
            self._fail(ticket.worker, reason)
        else:
            self._give_up(ticket, UserError(reason))

    def _cancel(self, ticket: Ticket) -> None:
        task = self._asking.pop(ticket.number, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    # Workers that fail -------------------------------------------------------------------------

    def _fail(self, place: int, reason: str, blame: Ticket | None = None) -> None:
        if blame is None or self._spread.is_open(blame):  # else it was dropped already
            self._keeper.fail(place, reason, blame)

    def busy(self, place: int) -> bool:
        """Whether a worker has rollouts under way."""
        return self._spread.under_way(place) > 0

    def take_back(self, place: int, reason: str, blame: Ticket | None) -> int:
        """A worker failed: what it had is asked of others; how many rollouts those are."""
        lost = self._spread.drop(place, blame)
        for ticket in lost:
            self._cancel(ticket)
        if blame is not None and self._spread.blamed[blame.job.number] >= MOST_BLAMED:
            self._end_rollout(blame.job.number, reason)
        return len(lost)

    def _end_rollout(self, number: int, reason: str) -> None:
        """One rollout cost worker after worker: it is given up, so that the run ends with the reason."""
        self._spread.withdraw([number])
        _, future = self._wanted.pop(number)
        future.set_exception(UserError(f"rollout workers failed {MOST_BLAMED} times on one prompt, lastly: {reason}"))


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, WorkerFault) else f"{type(error).__name__}: {text}"
