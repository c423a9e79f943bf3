"""Partial rollouts: begun in one round, paused where it closes, gone on with in the next from newer weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from rl.rollouts.ask import Ask, Begun, Completion
from rl.rollouts.course import Course


@dataclass
class PartialRollout:
    """One that may take several rounds; it has ended once it has a completion."""

    ask: Ask
    """As it was asked first."""
    begun: Begun | None = None
    """What there was of it when it was last paused."""
    completion: Completion | None = None
    pending: Future[Completion] | None = None
    """Where a worker has it, that is not paused: it is under way."""

    def asked(self) -> Ask:
        """As it is asked to go on."""
        return self.ask if self.begun is None else replace(self.ask, begun=self.begun)


Enough = Callable[[], bool]
"""Whether the rollouts that have not ended are to be paused; asked at first, and whenever one has ended."""


@runtime_checkable
class Pausing(Protocol):
    """An engine that can pause."""

    def advance(self, rollouts: Sequence[PartialRollout], enough: Enough) -> None:
        """Go on with rollouts until `enough` of them have their completion; those first in line come first."""
        ...


class Going:
    """Those of some rollouts that have not ended, by place, as they go on."""

    def __init__(self, rollouts: Sequence[PartialRollout]) -> None:
        self._pairs = [(each, Course(each.asked())) for each in rollouts if each.completion is None]
        for place in range(len(self._pairs)):
            self._settle(place)

    def pieces(self) -> dict[int, Ask]:
        """What is to be sampled next, of those that go on."""
        return {place: piece for place, (_, course) in enumerate(self._pairs) if (piece := course.ask()) is not None}

    def take(self, place: int, completion: Completion) -> Ask | None:
        """What was sampled for a piece; the next one."""
        course = self._pairs[place][1]
        course.take(completion)
        self._settle(place)
        return course.ask()

    def pause(self, drawn: Mapping[int, Begun]) -> None:
        """What was sampled of the pieces that have not ended; nothing is taken any more."""
        for place, (rollout, course) in enumerate(self._pairs):
            if rollout.completion is None:
                course.take_some(drawn.get(place, Begun()))
                rollout.begun = course.begun()

    def _settle(self, place: int) -> None:
        rollout, course = self._pairs[place]
        if course.ask() is None:
            rollout.completion, rollout.begun = course.completion(), None


Told = Callable[[int, Completion], bool]
"""Told of each piece that has ended, by its place; whether the others are to be paused."""
Sample = Callable[[Sequence[Ask], Told], Sequence[Begun | None]]
"""Samples asks that have neither prefix nor thinking; what there is of each that was paused, None of those told of."""


def advance(rollouts: Sequence[PartialRollout], sample: Sample, enough: Enough) -> None:
    """`Pausing.advance` by what samples pieces, all of one call side by side."""
    going, drawn = Going(rollouts), dict[int, Begun]()
    while not enough() and (pieces := going.pieces()):
        places = list(pieces)

        def told(number: int, completion: Completion, places: Sequence[int] = places) -> bool:
            going.take(places[number], completion)
            return enough()

        begun = zip(places, sample(list(pieces.values()), told), strict=True)
        drawn = {place: each for place, each in begun if each is not None}
    going.pause(drawn)
