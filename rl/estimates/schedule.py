"""How long rounds take by when they close: a simulation of engines that sample lengths with a long tail. Pure.

An engine draws a token for each of its rollouts in a step, which takes longer the more they are; a rollout that is gone
on with has its tokens computed anew first. Schedules:

- `synchronous`: a round begins what it needs and waits for all, then updates;
- `ahead`: the next round is sampled while one trains, by engines apart from the ranks;
- `discarded`: a round begins more than it needs and throws away what it closes without. It trains on short rollouts;
- `partial`: it pauses those instead, and goes on with them in the next round, for at most `staleness` rounds;
- `under way`: the same, by engines apart from the ranks, which go on while it trains.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from statistics import NormalDist, fmean
from typing import Literal

Schedule = Literal["synchronous", "ahead", "discarded", "partial", "under way"]
SCHEDULES: tuple[Schedule, ...] = ("synchronous", "ahead", "discarded", "partial", "under way")


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


@dataclass(frozen=True)
class Plan:
    """A run."""

    groups: int
    """A round needs."""
    size: int
    """Rollouts a group."""
    update: float
    """Seconds of a round's updates, and of what else is done while nothing is sampled."""
    oversample: float = 1.25
    staleness: int = 1
    rounds: int = 20


@dataclass(frozen=True)
class Outcome:
    """Of a schedule."""

    seconds: float
    tokens: int
    """That trained."""
    thrown: float
    """Share of the tokens sampled that never train."""
    age: float
    """Rounds between the oldest weights of a rollout and its update, in the mean."""
    trained: float
    begun: float
    """Mean length of the rollouts that trained, and of those that were begun."""

    @property
    def rate(self) -> float:
        """Tokens trained a second."""
        return self.tokens / self.seconds


def long_tailed(mean: float, cap: int, spread: float = 1.0, seed: int = 0) -> Callable[[], int]:
    """Draws lengths: lognormal with this `spread` of the logarithm, cut at `cap`, of this mean once cut."""
    low, high = 0.0, math.log(cap) + 4 * spread
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _cut_mean(middle, spread, cap) < mean else (low, middle)
    draw = random.Random(seed)
    return lambda: max(1, min(cap, round(draw.lognormvariate(low, spread))))


def _cut_mean(location: float, spread: float, cap: int) -> float:
    """Of min(X, cap), X lognormal: E[X; X < cap] + cap P(X >= cap)."""
    place, normal = (math.log(cap) - location) / spread, NormalDist()
    whole = math.exp(location + spread**2 / 2) * normal.cdf(place - spread)
    return whole + cap * (1 - normal.cdf(place))


def simulate(schedule: Schedule, plan: Plan, engines: Engines, length: Callable[[], int]) -> Outcome:
    """A run by a schedule."""
    partial, apart = schedule in ("partial", "under way"), schedule in ("ahead", "under way")
    fleet, groups, done = _Fleet(engines), list[_Group](), list[tuple[_Group, int]]()
    begun = list[int]()

    def begin(count: int, round_: int) -> None:
        new = [_Group(round_, [length() for _ in range(plan.size)]) for _ in range(count)]
        groups.extend(new)
        begun.extend(each for group in new for each in group.lengths)
        fleet.begin(new)

    for round_ in range(plan.rounds):
        last = round_ == plan.rounds - 1
        more = plan.oversample if (partial and not last) or schedule == "discarded" else 1.0
        begin(max(0, math.ceil(more * plan.groups) - len(groups)), round_)
        due = [group for group in groups if last or group.round <= round_ - plan.staleness] if partial else []
        while sum(not group.left for group in groups) < plan.groups or any(group.left for group in due):
            fleet.go_on()
        whole = [group for group in groups if not group.left][: plan.groups]
        done += [(group, round_) for group in whole]
        groups = [group for group in groups if group not in whole]
        if schedule == "discarded":
            fleet.throw_away()
            groups = []
        if (schedule == "ahead" or (schedule == "under way" and plan.staleness > 1)) and not last:
            left = plan.rounds - 2 - round_
            more = plan.oversample if partial and left else 1.0
            begin(max(0, math.ceil(more * plan.groups) - len(groups)), round_)
        fleet.update(plan.update, apart, anew=partial)
    trained = [each for group, _ in done for each in group.lengths]
    return Outcome(
        fleet.time,
        sum(trained),
        1 - sum(trained) / fleet.sampled,
        fmean(round_ - group.round for group, round_ in done),
        fmean(trained),
        fmean(begun),
    )


@dataclass(eq=False)
class _Group:
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
    running: list[tuple[float, int, float, _Group]] = field(default_factory=list)
    """A heap: where the clock stands as each ends, a number, where it stood as each began."""
    waiting: deque[tuple[int, _Group]] = field(default_factory=deque)
    fills: int = 0

    @property
    def held(self) -> int:
        return len(self.running) + len(self.waiting)


class _Fleet:
    def __init__(self, engines: Engines) -> None:
        self.of, self.time, self.sampled, self._number = engines, 0.0, 0.0, 0
        self._each = [_Engine() for _ in range(engines.count)]
        self._ends: list[tuple[float, int, int]] = []
        """A heap: when an engine's next rollout ends, as it stood when it had been filled so many times."""

    def begin(self, groups: Sequence[_Group]) -> None:
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

    def go_on(self, until: float = math.inf) -> bool:
        """To when the next rollout ends, if that is before; whether it is."""
        while self._ends and self._each[self._ends[0][1]].fills != self._ends[0][2]:
            heappop(self._ends)
        if not self._ends or self._ends[0][0] > until:
            return False
        when, place, _ = heappop(self._ends)
        engine = self._each[place]
        self.time = max(self.time, when)
        self._run(engine, when)
        end, _, start, group = heappop(engine.running)
        self.sampled += end - start
        group.left -= 1
        self._fill(place)
        return True

    def update(self, seconds: float, apart: bool, anew: bool) -> None:
        """Time passes, in which engines that are `apart` go on; `anew`: what goes on is first computed anew."""
        end = self.time + seconds
        while apart and self.go_on(end):
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


def compared(plan: Plan, engines: Engines, lengths: Callable[[int], Callable[[], int]]) -> dict[Schedule, Outcome]:
    """Every schedule of the same lengths, which `lengths` draws by a seed."""
    return {schedule: simulate(schedule, plan, engines, lengths(0)) for schedule in SCHEDULES}


__all__ = ["SCHEDULES", "Engines", "Outcome", "Plan", "Schedule", "compared", "long_tailed", "simulate"]
