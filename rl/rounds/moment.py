"""What the making of a round changes, as it stood before: a run can be saved as its round began."""

from __future__ import annotations

from rewards import History
from rl.problems.sampler import ProblemSampler
from rl.rounds.ahead import Ahead
from rl.rounds.partial.under_way import UnderWay
from rl.rounds.sampling import Acceptance


class Moment:
    """Of these parts. What they name is not copied, for it is replaced and never changed."""

    def __init__(
        self,
        sampler: ProblemSampler,
        acceptance: Acceptance,
        history: History,
        ahead: Ahead,
        under_way: UnderWay | None,
    ) -> None:
        self.parts = sampler, acceptance, history, ahead, under_way
        self._sampler, self._history = sampler.state_dict(), history.state_dict()
        self._acceptance = acceptance.useful, acceptance.drawn
        self._planned = list(ahead.planned)
        self._under_way = None if under_way is None else (list(under_way.groups), under_way.lengths.state_dict())

    def put_back(self) -> None:
        """Have them stand so again."""
        sampler, acceptance, history, ahead, under_way = self.parts
        sampler.load_state_dict(self._sampler)
        acceptance.useful, acceptance.drawn = self._acceptance
        history.load_state_dict(self._history)
        ahead.planned.clear()
        ahead.planned.extend(self._planned)
        if under_way is not None and self._under_way is not None:
            groups, lengths = self._under_way
            under_way.groups = list(groups)
            under_way.lengths.load_state_dict(lengths)
