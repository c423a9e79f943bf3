"""Right answers beyond the target length left out of the loss (The Art of Efficient Reasoning, arXiv 2602.20945)."""

from __future__ import annotations

from rewards.edits import Change, Keep
from rewards.history import HistoryView
from rewards.shaped import at_least
from rewards.types import Group, Rollout, Verdict


class MaskLongCorrect:
    """A right rollout that is longer than `limit` tokens, by default its budget, or was cut there, does not train.

    Right is what the verifier says of the text, whatever the rollout is worth. It still counts in its group's mean and
    deviation; whether it does in the paper could not be read.
    """

    name = "mask-long-correct"
    source = "arXiv 2602.20945"

    def __init__(self, limit: int | None = None) -> None:
        at_least(self.name, 1, limit=limit)
        self.limit = limit

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        """All rollouts, as they are."""
        return [Keep(i, trains=not self._masked(rollout)) for i, rollout in enumerate(group.rollouts)]

    def _masked(self, rollout: Rollout) -> bool:
        limit = self.limit or rollout.budget
        long = rollout.was_cut or (limit is not None and rollout.length > limit)
        return rollout.verdict is Verdict.CORRECT and long
