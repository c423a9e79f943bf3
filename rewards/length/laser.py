"""LASER, LASER-D, LASER-DE: a bonus for correct answers within a target length (arXiv 2505.15612)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rewards.history import History, HistoryView
from rewards.length.laser_targets import LEVELS, TargetSearch, level_of
from rewards.repetition import loop_length, tokens_of
from rewards.shaped import Shaped, at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values, Verdict

TARGETS = "targets"
"""The one history entry of the controllers, in the place of a problem's id."""

LOOPING = 0.1
"""Share of a rollout's tokens in a closing loop from which it counts as repetitive."""


class Laser(Shaped):
    """R = C + α · 1[correct and L ≤ target]; C is 1 if correct, -1/2 if wrong, -1 without a readable answer.

    `target` is L_T, in tokens.
    """

    name = "laser"
    source = "arXiv 2505.15612"
    group_only = True

    def __init__(self, alpha: float = 0.5, target: int = 8192) -> None:
        at_least(self.name, 0, alpha=alpha)
        at_least(self.name, 1, target=target)
        self.alpha, self.target = alpha, target

    def target_of(self, group: Group, history: HistoryView) -> float:
        """The group's target length, in tokens."""
        return self.target

    def length_terms(self, group: Group, history: HistoryView) -> Values:
        """1 where the bonus is earned, else 0."""
        target = self.target_of(group, history)
        return of_judged(group, lambda r: float(self.earns(r, target)))

    def earns(self, rollout: Rollout, target: float) -> bool:
        return is_correct(rollout) and rollout.length <= target

    def combine(self, rollout: Rollout, term: float) -> float:
        unreadable = rollout.verdict is Verdict.UNPARSABLE
        base = 1.0 if is_correct(rollout) else -1.0 if unreadable else -0.5
        return base + self.alpha * term


class LaserD(Laser):
    """LASER with a target for each difficulty, which a controller searches on a monitor set.

    A group is easy from an accuracy of 2/3 on, hard below 1/3. Every `interval` steps the monitor
    set's rollouts move the three targets (see `laser_targets.TargetSearch`); before the first time
    all three are `target`. `minimum`, `step` and `maximum` are the tokens searched;
    `rounding="ceil"` takes the paper's least counts of correct rollouts, "floor" the released code's.
    """

    name = "laser-d"
    source = "arXiv 2505.15612"
    group_only = False

    def __init__(
        self,
        alpha: float = 0.5,
        target: int = 8192,
        minimum: int = 4096,
        maximum: int = 16384,
        step: int = 1024,
        interval: int = 20,
        rounding: Literal["ceil", "floor"] = "ceil",
    ) -> None:
        super().__init__(alpha, target)
        at_least(self.name, 1, interval=interval)
        self.interval = interval
        self.search = TargetSearch(self.name, minimum, maximum, step, rounding)

    def target_of(self, group: Group, history: HistoryView) -> float:
        targets = history.get(self.name, TARGETS)
        return targets[level_of(group.accuracy() or 0.0)] if targets else self.target

    def monitor(self, groups: Sequence[Group], history: History) -> None:
        """Search the targets anew; a level that no monitored problem has keeps the target it had."""
        known = history.get(self.name, TARGETS) or dict.fromkeys(LEVELS, float(self.target))
        history.put(self.name, TARGETS, {**known, **self.search(groups)})


class LaserDE(LaserD):
    """LASER-D that lets wrong answers explore: a wrong one longer than the target earns the bonus too.

    So wrong and long is worth α - 1/2, wrong and short -1/2, and no readable answer -1. The released
    code withholds the bonus from repetitive answers, which it finds by 4-grams: `withhold_repetitive`
    does so from those that end in a loop over a tenth of their tokens.
    """

    name = "laser-de"
    source = "arXiv 2505.15612"

    def __init__(
        self,
        alpha: float = 0.5,
        target: int = 8192,
        minimum: int = 4096,
        maximum: int = 16384,
        step: int = 1024,
        interval: int = 20,
        rounding: Literal["ceil", "floor"] = "ceil",
        withhold_repetitive: bool = False,
    ) -> None:
        super().__init__(alpha, target, minimum, maximum, step, interval, rounding)
        if alpha >= 1.5:
            raise ValueError(f"laser-de: alpha must lie below 1.5, or wrong answers beat right ones, not {alpha}")
        self.withhold_repetitive = withhold_repetitive

    def earns(self, rollout: Rollout, target: float) -> bool:
        if is_correct(rollout):
            return rollout.length <= target
        wrong = rollout.verdict is not Verdict.UNPARSABLE
        return wrong and rollout.length > target and not (self.withhold_repetitive and _repetitive(rollout))


def _repetitive(rollout: Rollout) -> bool:
    tokens = tokens_of(rollout)
    return loop_length(tokens) > LOOPING * len(tokens)
