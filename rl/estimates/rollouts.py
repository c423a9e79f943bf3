"""How many tokens a run samples: its budgets, summed over its rounds, and what is expected of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from statistics import fmean

from curricula import ProblemBudget
from rl.estimates.edits import Drawn
from rl.rounds.budgets import Budgets

DRAWN = 256
"""Made-up problems by which a schedule that gives each problem its own budget is averaged."""
LOOKED_AT = 4096
"""Rounds whose budgets are looked at; of a run of more, one is drawn in each of so many equal parts."""


def mean_cap(budgets: Budgets, step: int) -> float:
    """Tokens at which a rollout of the round that begins with `step` is stopped, in the mean over problems."""
    schedule = budgets.schedule
    if not isinstance(schedule, ProblemBudget):
        return budgets.cap_of(schedule.at(step))
    return fmean(budgets.cap_of(schedule.for_problem(step, f"problem {number}")) for number in range(DRAWN))


@dataclass(frozen=True)
class Rounds:
    """All rounds of a run."""

    count: int
    caps: list[float]
    """Of each round that was looked at: the mean cap of its rollouts, in tokens."""
    rollouts: int
    """That a round trains on."""
    most_draws: int
    """Times as many that a round may sample; more than 1 under dynamic sampling."""
    drawn: Drawn = field(default_factory=Drawn)
    """By the run's edits."""

    @property
    def trained(self) -> int:
        return self.rollouts * self.count

    @property
    def trained_tokens(self) -> float:
        """If every rollout used its budget: an upper bound."""
        return self.trained * fmean(self.caps)

    def sampled_tokens(self, share: float = 1.0, kept: float | None = None) -> tuple[float, float]:
        """Rollout tokens if all groups are kept, and if the most are dropped.

        `share`: of its cap that a rollout uses in the mean; `kept`: the share of drawn groups that is kept, which
        makes the two one.
        """
        least, most = (1.0, float(self.most_draws)) if kept is None else (self.draws(kept),) * 2
        tokens = share * (self.drawn.whole * self.trained_tokens + self.drawn.tokens * self.trained)
        return least * tokens, most * tokens

    def draws(self, kept: float) -> float:
        """Rounds' worth of rollouts that a round samples where this share of groups is kept."""
        return min(float(self.most_draws), 1 / max(kept, 1e-9)) if self.most_draws > 1 else 1.0


def rounds_of(
    budgets: Budgets, steps: int, round_steps: int, rollouts: int, most_draws: int, drawn: Drawn | None = None
) -> Rounds:
    """The rounds of a run of so many optimiser steps."""
    all_rounds = range(0, steps, round_steps)
    count, rounds = len(all_rounds), list(all_rounds[:LOOKED_AT])
    if count > LOOKED_AT:
        draw = Random(0)  # evenly spaced ones might all fall on one phase of a schedule that repeats itself
        ends = [part * count // LOOKED_AT for part in range(LOOKED_AT + 1)]
        rounds = [all_rounds[draw.randrange(*part)] for part in pairwise(ends)]
    return Rounds(count, [mean_cap(budgets, step) for step in rounds], rollouts, most_draws, drawn or Drawn())
