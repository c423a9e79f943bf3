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
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Literal

from rl.estimates.schedules.fleet import Engines, Fleet, Group

Schedule = Literal["synchronous", "ahead", "discarded", "partial", "under way"]
SCHEDULES: tuple[Schedule, ...] = ("synchronous", "ahead", "discarded", "partial", "under way")


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
    busy: float
    """Seconds in which engines drew tokens, all of them together."""
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
    fleet, groups, done = Fleet(engines), list[Group](), list[tuple[Group, int]]()
    begun = list[int]()

    def begin(count: int, round_: int) -> None:
        new = [Group(round_, [length() for _ in range(plan.size)]) for _ in range(count)]
        groups.extend(new)
        begun.extend(each for group in new for each in group.lengths)
        fleet.begin(new)

    for round_ in range(plan.rounds):
        last = round_ == plan.rounds - 1
        more = plan.oversample if (partial and not last) or schedule == "discarded" else 1.0
        begin(max(0, math.ceil(more * plan.groups) - len(groups)), round_)
        oldest = round_ if last else round_ - plan.staleness
        missing = plan.groups - sum(not group.left for group in groups)
        due = sum(group.left > 0 and group.round <= oldest for group in groups) if partial else 0
        while missing > 0 or due > 0:
            group = fleet.go_on()
            if group is not None and not group.left:
                missing, due = missing - 1, due - (partial and group.round <= oldest)
        whole = [group for group in groups if not group.left][: plan.groups]
        done += [(group, round_) for group in whole]
        taken = set(map(id, whole))
        groups = [group for group in groups if id(group) not in taken]
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
        fleet.busy,
        sum(trained),
        1 - sum(trained) / fleet.sampled,
        fmean(round_ - group.round for group, round_ in done),
        fmean(trained),
        fmean(begun),
    )


def compared(plan: Plan, engines: Engines, lengths: Callable[[int], Callable[[], int]]) -> dict[Schedule, Outcome]:
    """Every schedule of the same lengths, which `lengths` draws by a seed."""
    return {schedule: simulate(schedule, plan, engines, lengths(0)) for schedule in SCHEDULES}
