"""Groups whose rollouts may take several rounds: a round closes once enough of them are whole, the others go on later.

What is begun first trains first. A group that has become as old as it may is waited for before the round closes, and
the last round of a run waits for all. So each group that is begun trains once, whatever its lengths: rounds close by
what is short, and the run as a whole trains on what it began.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rl.errors import UserError
from rl.ranks import gathered, launched
from rl.rollouts import Completion
from rl.rollouts.partial import PartialRollout, Pausing
from rl.rollouts.workers.engine import WorkersEngine
from rl.rounds.ahead import Draw, begun_of, completion_of, written
from rl.rounds.asking import Asker
from rl.rounds.partial.length_balance import LengthBalance


@dataclass
class Started:
    """A group that was begun."""

    draw: Draw
    """Of one problem, for the round that it was begun for."""
    version: int
    """The step whose weights it was begun with."""
    rank: int
    """Which samples it."""
    rollouts: list[PartialRollout] = field(default_factory=list)
    """One a row, on that rank; none on others."""

    @property
    def whole(self) -> bool:
        """Whether all of it has ended, on its rank."""
        return len(self.completions) == len(self.rollouts)

    @property
    def completions(self) -> list[Completion]:
        """Those that there are."""
        return [each.completion for each in self.rollouts if each.completion is not None]


@dataclass(frozen=True)
class Whole:
    """A group that all ranks have the completions of."""

    draw: Draw
    version: int
    """The step whose weights it was begun with."""
    completions: list[Completion]


class UnderWay:
    """`oversample` times as many groups as a round needs are begun for it; none is older than `staleness` rounds of
    `round_steps` when it trains. The same on every rank, but for what each samples itself.
    """

    def __init__(self, asker: Asker, oversample: float, staleness: int, round_steps: int) -> None:
        if not isinstance(asker.engine, Pausing):
            raise UserError(
                "rollouts.partial goes on with rollouts in later rounds, which this engine cannot; set it to false"
            )
        if staleness < 1:
            raise UserError(
                "rollouts.partial trains on tokens of older weights, which rollouts.max_staleness 0 forbids; set that "
                "to 1 or more"
            )
        self.asker, self.oversample = asker, oversample
        self.round_steps, self.most_age = round_steps, staleness * round_steps
        self.groups: list[Started] = []
        """Oldest first."""
        self.lengths = LengthBalance()

    def fresh(self, wanted: int, last: bool) -> int:
        """How many groups are to be begun for a round that needs so many; its run's `last` has no use for more."""
        return max(0, (wanted if last else math.ceil(self.oversample * wanted)) - len(self.groups))

    @property
    def leads(self) -> bool:
        """Whether the next round is begun while this one trains: its engine can, and groups may become old enough."""
        return isinstance(self.asker.engine, WorkersEngine) and self.most_age > self.round_steps

    def lead(self, draws: Sequence[Draw], version: int) -> None:
        """Begin groups of a later round now."""
        self.begin(draws, version)
        self.asker.advance([each for group in self._own() for each in group.rollouts], lambda: True)

    def begin(self, draws: Sequence[Draw], version: int) -> None:
        """Begin groups, each by the rank that has fewest."""
        held = self._held()
        for draw in draws:
            rank = min(range(len(held)), key=lambda each: held[each])
            held[rank] += 1
            self.groups.append(self._started(draw, version, rank))
            self.lengths.begin(draw.step, len(draw.rows))

    def whole(self, wanted: int, step: int, last: bool) -> list[Whole]:
        """Sample on until the round that begins with `step` can close; the `wanted` groups that it closes with.

        The `last` round of a run closes with all.
        """
        own = self._own()
        due = [group for group in own if last or group.version + self.most_age <= step]
        share = shares(self._held(), wanted)[launched().process_index]

        def enough() -> bool:
            return sum(group.whole for group in own) >= share and all(group.whole for group in due)

        self.asker.advance([each for group in own for each in group.rollouts], enough)
        found = self._leave(None if last else wanted)
        self.lengths.close(step, [(g.draw.step, len(each.token_ids)) for g in found for each in g.completions])
        return found

    @property
    def paused(self) -> int:
        """Rollouts of groups that go on in the next round, or wait for it."""
        return sum(len(group.draw.rows) for group in self.groups)

    def _leave(self, most: int | None) -> list[Whole]:
        """The oldest whole groups, which are under way no more."""
        here = launched().process_index
        places = [place for place, group in enumerate(self.groups) if group.rank == here and group.whole]
        chosen = sorted(gathered(places))[:most]
        mine = [(place, self.groups[place].completions) for place in chosen if self.groups[place].rank == here]
        completions = dict(gathered(mine))
        groups = [(self.groups[place], completions[place]) for place in chosen]
        found = [Whole(group.draw, group.version, own) for group, own in groups]
        self.groups = [group for place, group in enumerate(self.groups) if place not in completions]
        return found

    def _started(self, draw: Draw, version: int, rank: int) -> Started:
        rows = draw.rows if rank == launched().process_index else []
        return Started(draw, version, rank, [PartialRollout(ask) for ask in self.asker.asks(rows, draw.step)])

    def _own(self) -> list[Started]:
        """Those that this rank samples."""
        here = launched().process_index
        return [group for group in self.groups if group.rank == here]

    def _held(self) -> list[int]:
        """Groups of each rank."""
        return [sum(group.rank == rank for group in self.groups) for rank in range(launched().num_processes)]

    # Checkpoints -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON, the same on every rank; a worker is waited for, as only it has what there is of its rollouts."""
        here = launched().process_index
        own = {place: group for place, group in enumerate(self.groups) if group.rank == here}
        self.asker.settle([each for group in own.values() for each in group.rollouts])
        rollouts = dict(gathered([(place, [_plain(each) for each in group.rollouts]) for place, group in own.items()]))
        groups = [
            {
                "step": group.draw.step,
                "version": group.version,
                "seed": group.draw.seed,
                "problems": [problem.id for problem in group.draw.problems],
                "rollouts": rollouts[place],
            }
            for place, group in enumerate(self.groups)
        ]
        return {"groups": groups, "lengths": self.lengths.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any], draw_again: Callable[[Mapping[str, Any]], Draw]) -> None:
        """`draw_again` makes the draw that a group's state was of."""
        self.groups = []
        for group in state["groups"]:
            self.begin([draw_again(group)], group["version"])
            for rollout, plain in zip(self.groups[-1].rollouts, group["rollouts"], strict=False):
                rollout.begun, rollout.completion = begun_of(plain["begun"]), completion_of(plain["completion"])
        self.lengths.load_state_dict(state["lengths"])


def shares(held: Sequence[int], wanted: int) -> list[int]:
    """How many of `wanted` groups each rank brings: as many as the others, or all that it holds."""
    found, left = [0] * len(held), wanted
    for done, rank in enumerate(sorted(range(len(held)), key=lambda each: held[each])):
        found[rank] = min(held[rank], left // (len(held) - done))
        left -= found[rank]
    return found


def joined(wholes: Sequence[Whole], seed: Callable[[int], int]) -> list[Whole]:
    """Those of each round and its weights together; `seed` is that of a round's draw, by its first step."""
    alike: dict[tuple[int, int], list[Whole]] = {}
    for each in wholes:
        alike.setdefault((each.draw.step, each.version), []).append(each)
    return [
        Whole(
            Draw.joined([each.draw for each in found], seed(step)),
            version,
            [completion for each in found for completion in each.completions],
        )
        for (step, version), found in alike.items()
    ]


def _plain(rollout: PartialRollout) -> dict[str, Any]:
    return {"begun": written(rollout.begun), "completion": written(rollout.completion)}
