import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import BudgetSchedule
from curricula.train_long import Exponential, Linear, NDrop

sizes = st.integers(1, 5000)
Drops = type[NDrop] | type[Linear]


@pytest.mark.parametrize(
    ("first", "last", "tokens"),
    [
        (0, 149, 256),
        (150, 299, 179),  # 256 * 0.7 = 179.2
        (300, 449, 125),  # 256 * 0.49 = 125.44
        (450, 599, 87),  # 256 * 0.343 = 87.808: floored, rounding would give 88
    ],
)
def test_the_papers_four_budgets_hold_for_150_steps_each(first: int, last: int, tokens: int) -> None:
    assert {Exponential().at(step) for step in range(first, last + 1)} == {tokens}


@pytest.mark.parametrize(
    ("initial", "factor", "expected"),
    [
        (100, 0.7, [100, 70, 49, 34]),  # 34.3; in floats 100 * 0.7 * 0.7 falls below 49
        (1000, 0.1, [1000, 100, 10, 1]),
        (1000, 0.9, [1000, 900, 810, 729]),
        (8000, 0.3, [8000, 2400, 720, 216]),
        (10, 1, [10, 10, 10, 10]),
        (1, 0.5, [1, 1, 1, 1]),  # never below one token
    ],
)
def test_exact_decimals_are_not_lost_to_floats(initial: int, factor: float, expected: list[int]) -> None:
    schedule = Exponential(initial, factor, interval=1)
    assert [schedule.at(step) for step in range(4)] == expected


@given(
    initial=sizes,
    thousandths=st.integers(1, 1000),
    interval=st.integers(1, 9),
    minimum=st.integers(1, 600),
    step=st.integers(0, 3000),
)
def test_exponential_equals_exact_fractions(
    initial: int, thousandths: int, interval: int, minimum: int, step: int
) -> None:
    schedule = Exponential(initial, thousandths / 1000, interval, minimum)
    budget = Fraction(initial)
    for _ in range(step // interval):
        budget *= Fraction(thousandths, 1000)
        if budget < 1:
            break
    assert schedule.at(step) == max(minimum, math.floor(budget))
    assert minimum <= schedule.at(step) <= schedule.maximum


def test_exponential_settles_at_its_minimum_even_after_very_many_steps() -> None:
    schedule = Exponential(256, 0.999, interval=1, minimum=40)
    assert schedule.at(10**9) == 40
    assert isinstance(schedule, BudgetSchedule)


@pytest.mark.parametrize(
    ("n", "interval", "d"),
    [(1, 300, 0.340), (3, 150, 0.700), (7, 75, 0.857)],  # I = 600/(n+1); d = (87/256)^(1/n): .3398, .6979, .8572
)
def test_n_drops_come_at_the_papers_intervals_with_its_factors(n: int, interval: int, d: float) -> None:
    large = NDrop(256 * 10**6, 87 * 10**6, n)  # so large that flooring does not show
    assert large.at(interval) / large.at(0) == pytest.approx(d, abs=0.0025)
    changes = [step for step in range(1, 600) if NDrop(n=n).at(step) != NDrop(n=n).at(step - 1)]
    assert changes == [interval * k for k in range(1, n + 1)]


@pytest.mark.parametrize(
    ("initial", "final", "n", "expected"),
    [
        (256, 87, 1, [256, 87]),
        (256, 87, 3, [256, 178, 124, 87]),  # d = .69785: 178.65, 124.67
        (1000, 1, 3, [1000, 100, 10, 1]),  # d = 1/10 exactly, which no float is
        (64, 4096, 2, [64, 512, 4096]),  # growing: d = 8
        (50, 50, 4, [50] * 5),
    ],
)
def test_n_drop_multiplies_by_d_at_every_drop(initial: int, final: int, n: int, expected: list[int]) -> None:
    schedule = NDrop(initial, final, n, steps=10 * (n + 1))
    assert [schedule.at(10 * k) for k in range(n + 1)] == expected
    assert [schedule.at(10 * k + 9) for k in range(n + 1)] == expected


@pytest.mark.parametrize(
    ("first", "last", "tokens"),
    [
        (0, 149, 256),
        (150, 299, 199),  # 256 - 169/3 = 199.67
        (300, 449, 143),  # 256 - 338/3 = 143.33
        (450, 599, 87),
    ],
)
def test_linear_takes_three_equal_drops(first: int, last: int, tokens: int) -> None:
    assert {Linear().at(step) for step in range(first, last + 1)} == {tokens}


@given(initial=sizes, final=sizes, n=st.integers(1, 9), steps=st.integers(1, 700), step=st.integers(0, 900))
def test_linear_equals_exact_fractions(initial: int, final: int, n: int, steps: int, step: int) -> None:
    drops = sum(step >= Fraction(k * steps, n + 1) for k in range(1, n + 1))  # t_k = k I
    assert Linear(initial, final, n, steps).at(step) == math.floor(initial - Fraction(drops * (initial - final), n))


@given(initial=sizes, final=sizes, n=st.integers(1, 9), steps=st.integers(1, 700), step=st.integers(0, 900))
def test_n_drop_is_the_floor_of_the_formula(initial: int, final: int, n: int, steps: int, step: int) -> None:
    drops = sum(step >= Fraction(k * steps, n + 1) for k in range(1, n + 1))
    tokens = NDrop(initial, final, n, steps).at(step)
    # tokens <= S0 (Sf/S0)^(k/n) < tokens + 1, in whole numbers: the n-th powers of both sides
    power = Fraction(initial) ** n * Fraction(final, initial) ** drops
    assert tokens**n <= power < (tokens + 1) ** n


@pytest.mark.parametrize("kind", [NDrop, Linear])
@given(initial=sizes, final=sizes, n=st.integers(1, 9), steps=st.integers(10, 700))
def test_drops_end_at_their_final_budget_and_never_turn(
    kind: Drops, initial: int, final: int, n: int, steps: int
) -> None:
    schedule = kind(initial, final, n, steps)
    values = [schedule.at(step) for step in range(steps + 5)]
    assert values[0] == initial
    assert values[steps - 1] == values[-1] == final
    assert values in (sorted(values), sorted(values, reverse=True))
    assert schedule.maximum == max(initial, final) >= max(values)
    assert min(values) >= min(initial, final)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Exponential, {"initial": 0}, "exponential: initial"),
        (Exponential, {"interval": 0}, "exponential: interval"),
        (Exponential, {"interval": 1.5}, "exponential: interval"),
        (Exponential, {"minimum": 0}, "exponential: minimum"),
        (Exponential, {"factor": 0}, "exponential: factor"),
        (Exponential, {"factor": 1.1}, "exponential: factor"),
        (Exponential, {"factor": math.nan}, "exponential: factor"),
        (Exponential, {"factor": "0.7"}, "exponential: factor"),
        (NDrop, {"n": 0}, "n-drop: n"),
        (NDrop, {"final": 0}, "n-drop: final"),
        (NDrop, {"steps": 0}, "n-drop: steps"),
        (NDrop, {"n": True}, "n-drop: n"),
        (Linear, {"n": 2.0}, "linear: n"),
        (Linear, {"initial": -1}, "linear: initial"),
        (Linear, {"steps": "600"}, "linear: steps"),
    ],
)
def test_bad_options_name_the_schedule(kind: type, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)
