"""Schedules of rounds, by hand, and what must hold of them all."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from pathlib import Path
from statistics import fmean

import pytest

from rl.estimates import Rates, answer, estimate, known_config, shape_of
from rl.estimates.schedules.fleet import Engines
from rl.estimates.schedules.simulation import SCHEDULES, Outcome, Plan, long_tailed, simulate
from rl.launch.configuration import Launch
from rl.recipe.engine_choice import Machine
from rl.recipe.files import load_recipe
from rl.run.prepare import resolve

ONE = Engines(count=1, rows=8, step=1.0, row=0.0)
"""A token a second for each of up to 8 rollouts."""


def by_hand(schedule: str, plan: Plan, lengths: list[int], engines: Engines = ONE) -> Outcome:
    repeated = cycle(lengths)
    return simulate(schedule, plan, engines, lambda: next(repeated))  # type: ignore[arg-type]


def test_rounds_of_two_rollouts_of_which_one_is_long() -> None:
    plan = Plan(groups=2, size=1, update=5.0, oversample=1.5, staleness=1, rounds=2)
    # 10 and 30 tokens: a round samples for 30 s and updates for 5.
    found = by_hand("synchronous", plan, [10, 30])
    assert (found.seconds, found.tokens, found.thrown, found.age) == (70.0, 80, 0.0, 0.0)
    # Begun: 10, 30, 10. At 10 s both short ones are whole: the round closes, 30 has 20 to go after the update at 15 s.
    # Then one of 10 is begun beside it, as the last round needs two: it waits for both, until 15 + 20, and updates.
    found = by_hand("partial", plan, [10, 30, 10])
    assert (found.seconds, found.tokens) == (40.0, 10 + 10 + 30 + 10)
    # Thrown away: the first round closes at 10 s, and 10 tokens of 30 are lost; the second begins 10, 30, 10 again.
    found = by_hand("discarded", plan, [10, 30, 10])
    assert found.tokens == 10 + 10 + 10 + 10


def test_by_engines_apart_the_next_round_is_sampled_while_one_trains() -> None:
    plan = Plan(groups=2, size=1, update=20.0, rounds=3)
    # 30 s, then each round's sampling and the update before it side by side, 30 s, and the last update.
    assert by_hand("ahead", plan, [10, 30]).seconds == 30 + 30 + 30 + 20
    assert by_hand("ahead", plan, [10, 30]).busy == 3 * 30
    assert by_hand("ahead", plan, [10, 30]).age == pytest.approx(2 / 3)
    assert by_hand("synchronous", plan, [10, 30]).seconds == 3 * 50


def test_a_step_takes_longer_the_more_rows_it_has_and_what_goes_on_is_computed_anew() -> None:
    engines = Engines(count=1, rows=2, step=1.0, row=0.5, anew=0.1)
    # Two rows: 2 s a step, for 10 steps; then one of 1.5 s, for 20. A third row waits for the first to end.
    plan = Plan(groups=2, size=1, update=0.0, rounds=1)
    assert by_hand("synchronous", plan, [10, 30], engines).seconds == 10 * 2 + 20 * 1.5
    plan = Plan(groups=3, size=1, update=0.0, rounds=1)
    assert by_hand("synchronous", plan, [10, 30, 10], engines).seconds == 10 * 2 + 10 * 2 + 10 * 1.5
    # As in `partial` above, and 10 tokens are computed anew: 10 steps of two rows, 1 s, then 30 and 20 left of 30.
    plan = Plan(groups=1, size=1, update=0.0, oversample=2.0, rounds=2)
    assert by_hand("partial", plan, [10, 30], engines).seconds == 10 * 2 + 1 + 20 * 1.5


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_trains_is_as_long_as_what_is_begun_unless_it_is_thrown_away(schedule: str) -> None:
    plan = Plan(groups=16, size=4, update=30.0, oversample=1.5, staleness=2, rounds=12)
    engines = Engines(count=4, rows=32, step=0.01, row=1e-4)
    found = simulate(schedule, plan, engines, long_tailed(1000, 8000))  # type: ignore[arg-type]
    if schedule == "discarded":
        assert found.trained < 0.95 * found.begun
        assert found.thrown > 0.1
    else:
        assert found.trained == pytest.approx(found.begun)
        assert found.thrown == pytest.approx(0.0, abs=1e-9)
    assert found.age <= 2


@pytest.mark.parametrize(("mean", "cap"), [(2000, 8000), (6000, 16384), (12000, 32768)])
def test_lengths_have_the_mean_they_are_asked_for(mean: int, cap: int) -> None:
    draw = long_tailed(mean, cap, seed=3)
    drawn = [draw() for _ in range(20_000)]
    assert max(drawn) == cap
    # A standard error of at most 0.9 % of the mean.
    assert fmean(drawn) == pytest.approx(mean, rel=0.03)


def test_a_dry_run_knows_hours_by_schedule_where_it_knows_lengths() -> None:
    recipe, rates = load_recipe("efficient", ["rollouts.engine=vllm"]), Rates(card="H100", length_share=0.25)
    found = resolve(recipe, Path("runs"), Machine(cuda=True, vllm=True))
    config = known_config(recipe.model)
    assert config is not None
    given = found.recipe, found.config, found.budgets, shape_of(config), Launch(ranks=8)
    known = estimate(*given, rates)
    assert known.schedules is not None
    assert set(known.schedules) == {"synchronous", "partial"}
    assert known.schedules["partial"] < known.schedules["synchronous"]
    assert any(line.startswith("schedules  synchronous ") and "times as fast" in line for line in answer(known))
    assert estimate(*given, replace(rates, length_share=None)).schedules is None
