"""Engines that sample rollouts of known lengths, from one end of a rollout to the next."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace


@dataclass(frozen=True)
class Engines:
    """All alike."""

    count: int
    rows: int
    """Rollouts side by side, at most."""
    step: float
    """Seconds of a step, whatever it has to draw."""
    row: float
    """And for each rollout in it."""
    anew: float = 0.0
    """Seconds to compute a token of a rollout that goes on."""


@dataclass(eq=False)
class Group:
    round: int
    """In which it was begun."""
    lengths: list[int]
    left: int = 0
    """Rollouts that have not ended."""

    def __post_init__(self) -> None:
        self.left = len(self.lengths)


@dataclass
class _Engine:
    """Its rollouts have all drawn as many tokens since it began, or `clock` less what it stood at as they did."""

    clock: float = 0.0
    time: float = 0.0
    """When the clock stood so."""
    running: list[tuple[float, int, float, Group]] = field(default_factory=list)
    """A heap: where the clock stands as each ends, a number, where it stood as each began."""
    waiting: deque[tuple[int, Group]] = field(default_factory=deque)
    fills: int = 0

    @property
    def held(self) -> int:
        return len(self.running) + len(self.waiting)


class Fleet:
    def __init__(self, engines: Engines) -> None:
        self.of, self.time, self.sampled, self._number = engines, 0.0, 0.0, 0
        self.busy = 0.0
        self._each = [_Engine() for _ in range(engines.count)]
        self._ends: list[tuple[float, int, int]] = []
        """A heap: when an engine's next rollout ends, as it stood when it had been filled so many times."""

    def begin(self, groups: Sequence[Group]) -> None:
        """Each rollout by the engine that has fewest."""
        held = [(each.held, place) for place, each in enumerate(self._each)]
        heapify(held)
        for group in groups:
            for length in group.lengths:
                count, place = held[0]
                heapreplace(held, (count + 1, place))
                self._each[place].waiting.append((length, group))
        for place in range(len(self._each)):
            self._fill(place)

    def go_on(self, until: float = math.inf) -> Group | None:
        """To when the next rollout ends, if that is before; its group."""
        while self._ends and self._each[self._ends[0][1]].fills != self._ends[0][2]:
            heappop(self._ends)
        if not self._ends or self._ends[0][0] > until:
            return None
        when, place, _ = heappop(self._ends)
        engine = self._each[place]
        self.time = max(self.time, when)
        self._run(engine, when)
        end, _, start, group = heappop(engine.running)
        self.sampled += end - start
        group.left -= 1
        self._fill(place)
        return group

    def update(self, seconds: float, apart: bool, anew: bool) -> None:
        """Time passes, in which engines that are `apart` go on; `anew`: what goes on is first computed anew."""
        end = self.time + seconds
        while apart and self.go_on(end) is not None:
            pass
        self.time = end
        for place, engine in enumerate(self._each):
            if apart:
                self._run(engine, end)
            engine.time = end + (self._anew(engine) if anew else 0.0)
            self._fill(place)

    def throw_away(self) -> None:
        """What has not ended."""
        for engine in self._each:
            self._run(engine, self.time)
            self.sampled += sum(engine.clock - start for _, _, start, _ in engine.running)
            engine.running.clear()
            engine.waiting.clear()
        self._ends.clear()

    def _anew(self, engine: _Engine) -> float:
        return self.of.anew * sum(engine.clock - start for _, _, start, _ in engine.running)

    def _step(self, engine: _Engine) -> float:
        return self.of.step + self.of.row * len(engine.running)

    def _run(self, engine: _Engine, time: float) -> None:
        if engine.running and time > engine.time:
            engine.clock += (time - engine.time) / self._step(engine)
            self.busy += time - engine.time
        engine.time = max(engine.time, time)

    def _fill(self, place: int) -> None:
        engine = self._each[place]
        self._run(engine, self.time)
        while engine.waiting and len(engine.running) < self.of.rows:
            length, group = engine.waiting.popleft()
            self._number += 1
            heappush(engine.running, (engine.clock + length, self._number, engine.clock, group))
        engine.fills += 1
        if engine.running:
            when = engine.time + (engine.running[0][0] - engine.clock) * self._step(engine)
            heappush(self._ends, (when, place, engine.fills))
