"""Hours of a run by when its rounds close: where the card and lengths are known."""

from __future__ import annotations

from statistics import fmean

from rl.estimates.devices.rates import Rates
from rl.estimates.devices.speed import most_rows, step_of
from rl.estimates.rollouts import Rounds
from rl.estimates.schedules.fleet import Engines
from rl.estimates.schedules.simulation import Plan, Schedule, long_tailed, simulate
from rl.estimates.setup import Setup
from rl.recipe.rollout_parts import RolloutPart

ROUNDS, ENGINES = 6, 8
"""That are simulated, of groups and engines as many as there are, or fewer in proportion."""


def hours_by_schedule(
    part: RolloutPart, setup: Setup, rates: Rates, rounds: Rounds, size: int, samplers: int, updates: float
) -> dict[Schedule, float] | None:
    """By `samplers` engines, for groups of `size`; `updates` are the seconds of all of them.

    Lengths have a long tail, which nobody has at full budgets: None there, and where a rate is not known.
    """
    share, card = rates.length_share, rates.of_card
    if share is None or share >= 1 or card is None or setup.engine == "transformers":
        return None
    cap = fmean(rounds.caps)
    step, few = step_of(setup, card, share * cap / 2), min(ENGINES, samplers)
    engines = Engines(few, max(1, int(most_rows(setup, card, share * cap))), step.whatever, step.row, step.prompt)
    groups = max(1, round(rounds.rollouts // size * few / samplers))
    plan = Plan(groups, size, updates / rounds.count, part.oversample, max(1, part.max_staleness), ROUNDS)
    apart: tuple[Schedule, ...] = ("ahead", "under way") if setup.engine == "workers" else ()
    schedules: tuple[Schedule, ...] = ("synchronous", "partial", *apart)
    found = {each: simulate(each, plan, engines, long_tailed(share * cap, int(cap))) for each in schedules}
    return {each: one.seconds / ROUNDS * rounds.count / 3600 for each, one in found.items()}
