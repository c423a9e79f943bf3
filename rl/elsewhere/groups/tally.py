"""Rollouts without a verdict of their own, counted: judged by nobody, or wrong since the verifier ran out of time."""

from __future__ import annotations

from collections.abc import Sequence

from rewards import Verdict
from rl.elsewhere.groups.told import Scored
from rl.terminal import say


class Tally:
    """The counts so far. `speaks`: a line on standard error for each step that has some, as its first ones come."""

    def __init__(self, speaks: bool) -> None:
        self.speaks = speaks
        self.rollouts = 0
        self.unjudged = 0
        """Rollouts that nobody could judge."""
        self.timed_out = 0
        """Rollouts over which the verifier ran out of time, so that they count as wrong."""
        self._said: int | None = None

    def count(self, scored: Sequence[Scored], step: int | None) -> None:
        """Take in the groups of one call; `step` is the optimiser step, None where nobody tells."""
        unjudged = sum(each.unjudged for each in scored)
        timed_out = sum(r.verdict is Verdict.TIMED_OUT for each in scored for r in each.group.rollouts)
        self.rollouts += sum(len(each.totals) for each in scored)
        self.unjudged += unjudged
        self.timed_out += timed_out
        if self.speaks and unjudged + timed_out and (step is None or step != self._said):
            self._said = step
            at = "" if step is None else f" at step {step}"
            say(
                f"lengthwise{at}: of {self.rollouts} rollouts so far {self.unjudged} were judged by nobody, so have no "
                f"advantage of their own, and {self.timed_out} count as wrong since the verifier ran out of time",
                error=True,
            )
