"""Partial rollouts: begun in one round, paused where it closes, gone on with in the next from newer weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


Told = Callable[[int, Completion], bool]
"""Told of each piece that has ended, by its place; whether the others are to be paused."""
Sample = Callable[[Sequence[Ask], Told], Sequence[Begun | None]]
"""Samples asks that have neither prefix nor thinking; what there is of each that was paused, None of those told of."""


def advance(rollouts: Sequence[PartialRollout], sample: Sample, enough: Enough) -> None:
    """`Pausing.advance` by what samples pieces, all of one call side by side."""
    courses = [(each, Course(each.asked())) for each in rollouts if each.completion is None]
    for rollout, course in courses:
        _settle(rollout, course)
    while not enough() and (going := [pair for pair in courses if pair[0].completion is None]):

        def told(place: int, completion: Completion, going: Sequence[tuple[PartialRollout, Course]] = going) -> bool:
            rollout, course = going[place]
            course.take(completion)
            _settle(rollout, course)
            return enough()

        pieces = [piece for _, course in going if (piece := course.ask()) is not None]
        for (_, course), begun in zip(going, sample(pieces, told), strict=True):
            if begun is not None:
                course.take_some(begun)
    for rollout, course in courses:
        if rollout.completion is None:
            rollout.begun = course.begun()


def _settle(rollout: PartialRollout, course: Course) -> None:
    if course.ask() is None:
        rollout.completion, rollout.begun = course.completion(), None
