"""Worker processes that judge one item each, and can be killed at any moment without a trace.

Every slot has a zygote of its own (`rewards.verifier.zygote`) and one worker forked from it, reached by
a socket that nobody shares: a worker that is killed, by us or by anyone, can neither hold a lock that
others need nor spoil what they say. A worker over its time is killed and costs that one item. Its time is the
processor's, so that verdicts do not hang on what else the machine does; ten times as long on the clock is the end
of what waits for something else. What ran out of time on a busy machine is judged once more, alone. An item
whose worker dies is judged again, and given up as `crashed` when ten workers have died of it, or that time on the
clock is over.

One thread drives all slots, whichever calls `run`; a lock keeps it to one at a time.
"""

from __future__ import annotations

import json
import os
import selectors
import threading
import time
import warnings
import weakref
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from rewards.types import Verdict
from rewards.verifier.slot import FAR, Item, Slot

DEATHS = 10
"""Workers that one item may take with it before it is given up."""
MOST, DAY, TERABYTE = 1024, 86_400, 1 << 20
"""Processes, seconds an item, and MB an item, over which nobody means it."""
RECYCLED_AFTER = 500
"""Items a worker judges before a fresh one takes its place."""


class Workers:
    """Judges items in killable processes.

    `reference` names the judge (`module:name` or `file.py:name`), called with `options`. `seconds` of processor
    time and `memory` (MB) bound each item. Processes start at `start()` or the first `run`, and end with `close()`,
    with this object, or with this process, however it ends.
    """

    def __init__(
        self, reference: str, options: Mapping[str, Any], workers: int, seconds: float, memory: int = 2048
    ) -> None:
        for name, value, most in (("workers", workers, MOST), ("seconds", seconds, DAY), ("memory", memory, TERABYTE)):
            if not 0 < value <= most:
                raise ValueError(f"{name} must be positive and at most {most:,}, not {value:,}")
        self.reference, self.seconds = reference, seconds
        command = [reference, json.dumps(dict(options)), str(memory)]
        self._slots = [Slot(command) for _ in range(workers)]
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._warned = False
        self._finalizer = weakref.finalize(self, _close, self._slots, self._owner)

    def start(self) -> None:
        """Begin to start the processes, without waiting for them."""
        self._leave_to_parent()
        with self._lock:
            for slot in self._slots:
                slot.ensure()

    def close(self) -> None:
        """End all processes. A later `run` starts new ones."""
        with self._lock:
            _close(self._slots, self._owner)

    def run(self, items: Sequence[Item]) -> list[Verdict]:
        """One verdict an item. Errors: JudgeNotLoaded."""
        self._leave_to_parent()
        with self._lock:
            run = _Run(self, items)
            try:
                return run.to_its_end()
            except BaseException:
                # Replies to what is still out would be taken for replies to the next call.
                for slot in self._slots:
                    slot.drop_worker()
                raise

    def _leave_to_parent(self) -> None:
        """In a forked copy of this process: the parent's workers are not ours."""
        if self._owner != os.getpid():
            self._owner, self._lock = os.getpid(), threading.Lock()
            self._slots = [Slot(slot.command) for slot in self._slots]
            self._finalizer.detach()
            self._finalizer = weakref.finalize(self, _close, self._slots, self._owner)

    def raised(self, message: str) -> None:
        """Name a judge that raises, once; its items are counted as crashed."""
        if not self._warned:
            self._warned = True
            warnings.warn(f"verifier {self.reference!r} raised {message}; counted as crashed", stacklevel=2)


def _close(slots: Sequence[Slot], owner: int) -> None:
    if owner == os.getpid():
        for slot in slots:
            slot.close()


class _Run:
    """One call of `run`: which items wait, and which slot has which."""

    def __init__(self, workers: Workers, items: Sequence[Item]) -> None:
        self.workers, self.items = workers, items
        self.verdicts: dict[int, Verdict] = {}
        self.waiting = deque(range(len(items)))
        self.again: deque[int] = deque()
        """Items to be judged once more, one by one."""
        self.alone: int | None = None
        """The one whose second time it is."""
        self.deaths: Counter[int] = Counter()
        self.spent: defaultdict[int, float] = defaultdict(float)
        """Seconds on the clock that workers who died have spent on an item."""

    def to_its_end(self) -> list[Verdict]:
        while len(self.verdicts) < len(self.items):
            busy = self._hand_out(self.workers._slots)
            for slot in _ready(busy):
                self._read(slot)
            for slot in busy:
                if slot.item is not None and slot.is_over():
                    self._out_of_time(slot)
        return [self.verdicts[place] for place in range(len(self.items))]

    def _hand_out(self, slots: Sequence[Slot]) -> list[Slot]:
        """Give every free slot an item; the slots that have one."""
        if not self.waiting and self.again and all(slot.item is None for slot in slots):
            self.alone = self.again.popleft()
            self.waiting.append(self.alone)
        for slot in slots:
            if slot.item is None and self.waiting:
                place = self.waiting.popleft()
                slot.give(place, self.items[place], self.workers.seconds)
        return [slot for slot in slots if slot.item is not None]

    def _read(self, slot: Slot) -> None:
        for verdict, message in slot.replies():
            if message:
                self.workers.raised(message)
            self._settle(slot, Verdict(verdict))
        if slot.dead:
            self._died(slot)

    def _out_of_time(self, slot: Slot) -> None:
        if slot.pid is None:  # it never came up
            slot.end_zygote()
            self._died(slot)
            return
        place, starved = slot.item, slot.was_starved()
        assert place is not None
        slot.drop_worker()
        if starved and place != self.alone:
            self.again.append(place)
        else:
            self._settle(slot, Verdict.TIMED_OUT, place)

    def _died(self, slot: Slot) -> None:
        """Its worker is gone; the item, if any, is judged again unless it has done this before."""
        place, started = slot.item, slot.pid is not None
        slot.drop_worker()
        if place is None:
            return
        if started:
            self.deaths[place] += 1
            self.spent[place] += time.monotonic() - slot.begun
        if self.deaths[place] >= DEATHS or self.spent[place] >= FAR * self.workers.seconds:
            self._settle(slot, Verdict.CRASHED, place)
        else:
            self.waiting.appendleft(place)

    def _settle(self, slot: Slot, verdict: Verdict, place: int | None = None) -> None:
        place = slot.item if place is None else place
        assert place is not None
        self.verdicts[place] = verdict
        slot.item = None
        slot.served += 1
        if slot.served >= RECYCLED_AFTER:
            slot.drop_worker()


def _ready(slots: Sequence[Slot]) -> list[Slot]:
    """The slots that have something to say, waiting for one until the first is to be looked after."""
    with selectors.DefaultSelector() as selector:
        for slot in slots:
            assert slot.connection is not None
            selector.register(slot.connection, selectors.EVENT_READ, slot)
        timeout = max(0.0, min(slot.look for slot in slots) - time.monotonic())
        return [key.data for key, _ in selector.select(timeout + 0.001)]
