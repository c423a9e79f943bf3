"""Which worker makes which rollout, and what becomes of it when a worker fails. No input, no output, no clock.

Every job is in one place at any time: it waits, it is under way on one worker, or it is settled. A ticket is one
attempt at a job; only an open ticket can settle it, so an answer that comes after its worker was dropped is nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One rollout that is asked for."""

    number: int
    """Its own, among all jobs of a spread."""
    prompt: int
    """Tokens."""
    budget: int
    """Tokens it may have."""
    needs: int = 0
    """The oldest weight version that may make it."""

    @property
    def tokens(self) -> int:
        """What it may cost."""
        return self.prompt + self.budget


@dataclass(frozen=True)
class Ticket:
    """One attempt at a job."""

    number: int
    worker: int
    job: Job


@dataclass(frozen=True)
class Limits:
    """What one worker is given at a time; a job above `tokens` runs there alone."""

    requests: int = 256
    tokens: int = 1 << 20


class Spread:
    """Jobs over workers 0 .. `workers` - 1: oldest version first, then longest budget, to whom has the fewest tokens.

    Ranks share the workers without a word, so each has another one `first`, whom it prefers among equals.
    """

    def __init__(self, workers: int, limits: Limits | None = None, first: int = 0) -> None:
        self.workers, self.limits, self.first = workers, limits or Limits(), first
        self.blamed: Counter[int] = Counter()
        """How often a job's own answer was what its worker was dropped for, by its number."""
        self.refused: dict[int, set[int]] = {}
        """The workers that do not take a job, by its number."""
        self._waiting: list[tuple[int, int, int, Job]] = []
        self._open: dict[int, dict[int, Ticket]] = {worker: {} for worker in range(workers)}
        self._tokens = [0] * workers
        self._tickets = 0

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            heapq.heappush(self._waiting, (job.needs, -job.budget, job.number, job))

    def assign(self, versions: Mapping[int, int], coming: Collection[int] = ()) -> list[Ticket]:
        """New tickets, as many as fit now; `versions` are the weights of the workers that serve.

        A worker that is `coming`, but does not serve yet, has its share kept for it, as long as the others have work.
        """
        tickets, kept = [], []
        loads = [*self._tokens]
        while self._waiting:
            entry = heapq.heappop(self._waiting)
            job = entry[-1]
            never = self.refused.get(job.number, set())
            able = {w for w, v in versions.items() if v >= job.needs and w not in never and self._fits(w, job)}
            if not able:
                kept.append(entry)
                if never:  # others may have a place for the next one
                    continue
                break
            worker = min(
                able | (set(coming) - never), key=lambda w: (loads[w], w not in able, (w - self.first) % self.workers)
            )
            loads[worker] += job.tokens
            if worker in able:
                tickets.append(self._begin(worker, job))
            else:
                kept.append(entry)
        for entry in kept:
            heapq.heappush(self._waiting, entry)
        return tickets

    def _begin(self, worker: int, job: Job) -> Ticket:
        self._tickets += 1
        ticket = Ticket(self._tickets, worker, job)
        self._open[worker][ticket.number] = ticket
        self._tokens[worker] += job.tokens
        return ticket

    def settle(self, ticket: Ticket) -> bool:
        """The job is done, if the ticket is still open; else its answer is not to be used."""
        self.refused.pop(ticket.job.number, None)
        return self._close(ticket)

    def give_back(self, ticket: Ticket) -> None:
        """The job waits again, if the ticket is still open."""
        if self._close(ticket):
            self.add([ticket.job])

    def refuse(self, ticket: Ticket) -> bool:
        """Its worker does not take the job, which waits for others; False where none is left that may."""
        refused = self.refused.setdefault(ticket.job.number, set())
        refused.add(ticket.worker)
        return len(refused) < self.workers

    def drop(self, worker: int, blame: Ticket | None = None) -> list[Ticket]:
        """The worker failed, by its answer to `blame` if that is given: all that it had waits again."""
        if blame is not None and self.is_open(blame):
            self.blamed[blame.job.number] += 1
        lost = list(self._open[worker].values())
        for ticket in lost:
            self.give_back(ticket)
        return lost

    def withdraw(self, numbers: Iterable[int]) -> list[Ticket]:
        """Nobody wants these jobs any more; the tickets that were open for them."""
        gone = set(numbers)
        self._waiting = [entry for entry in self._waiting if entry[-1].number not in gone]
        heapq.heapify(self._waiting)
        closed = [t for tickets in self._open.values() for t in tickets.values() if t.job.number in gone]
        for ticket in closed:
            self._close(ticket)
        return closed

    def is_open(self, ticket: Ticket) -> bool:
        return ticket.number in self._open[ticket.worker]

    def waiting(self) -> int:
        """Jobs that no worker has."""
        return len(self._waiting)

    def under_way(self, worker: int) -> int:
        """Jobs that a worker has."""
        return len(self._open[worker])

    def tokens(self, worker: int) -> int:
        """What a worker's jobs may cost."""
        return self._tokens[worker]

    def _fits(self, worker: int, job: Job) -> bool:
        held = len(self._open[worker])
        within = held < self.limits.requests and self._tokens[worker] + job.tokens <= self.limits.tokens
        return not held or within

    def _close(self, ticket: Ticket) -> bool:
        if self._open[ticket.worker].pop(ticket.number, None) is None:
            return False
        self._tokens[ticket.worker] -= ticket.job.tokens
        return True
