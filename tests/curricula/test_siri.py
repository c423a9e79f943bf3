import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import BudgetSchedule
from curricula.siri import SiriCosine, SiriStair, SiriStairCosine

KINDS = [SiriCosine, SiriStair, SiriStairCosine]
Kind = type[SiriCosine] | type[SiriStair] | type[SiriStairCosine]


@pytest.mark.parametrize(
    ("step", "tokens"),
    [
        (0, 16384),
        (80, 15184),  # T/8: 12288 + 4096 * .707107 = 15184.31
        (160, 12288),  # T/4: the mean
        (320, 8192),  # T/2: the trough
        (480, 12288),  # 3T/4
        (560, 15184),
        (640, 16384),  # T
        (1600, 8192),  # the third trough: SIRI-low
        (1920, 16384),  # the end of the third cycle: SIRI-high
    ],
)
def test_cosine_starts_at_its_maximum_and_has_its_trough_half_a_period_later(step: int, tokens: int) -> None:
    assert SiriCosine().at(step) == tokens


@pytest.mark.parametrize(
    ("step", "tokens"), [(0, 8192), (319, 8192), (320, 16384), (639, 16384), (640, 8192), (960, 16384)]
)
def test_stair_compresses_in_the_first_half_and_expands_in_the_second(step: int, tokens: int) -> None:
    assert SiriStair().at(step) == tokens


@pytest.mark.parametrize(
    ("step", "tokens"),
    [
        (0, 16384),
        (79, 16384),  # up to T/8
        (80, 16384),  # cos 0
        (120, 15184),  # halfway to the mean: 12288 + 4096 cos(pi/4)
        (160, 12288),  # phi = pi/2: cos(2 * pi/4) = 0
        (240, 8192),  # from 3T/8
        (319, 8192),
        (399, 8192),  # up to 5T/8
        (400, 8192),  # phi = 5pi/4: cos(2 * pi/2) = -1
        (480, 12288),  # phi = 3pi/2: cos(2 * 3pi/4) = 0
        (520, 15184),  # cos(2 * 7pi/8) = .7071
        (560, 16384),  # from 7T/8
        (639, 16384),
        (640, 16384),
    ],
)
def test_stair_cosine_goes_by_eighths(step: int, tokens: int) -> None:
    assert SiriStairCosine().at(step) == tokens


def naive(kind: Kind, maximum: int, minimum: int, period: int, step: int) -> float:
    """The paper's three formulas, in floats, before rounding."""
    phi = 2 * math.pi * (step % period) / period
    mean, half = (maximum + minimum) / 2, (maximum - minimum) / 2
    if kind is SiriCosine:
        return mean + half * math.cos(phi)
    if kind is SiriStair:
        return minimum if phi < math.pi else maximum
    if phi < math.pi / 4 or phi >= 7 * math.pi / 4:
        return maximum
    if phi < 3 * math.pi / 4:
        return mean + half * math.cos(2 * (phi - math.pi / 4))
    if phi < 5 * math.pi / 4:
        return minimum
    return mean + half * math.cos(2 * (phi - 3 * math.pi / 4))


@pytest.mark.parametrize("kind", KINDS)
@given(low=st.integers(1, 9000), range_=st.integers(0, 9000), period=st.integers(1, 700), step=st.integers(0, 3000))
def test_every_wave_is_the_floor_of_the_papers_formula(
    kind: Kind, low: int, range_: int, period: int, step: int
) -> None:
    schedule = kind(low + range_, low, period)
    tokens, exact = schedule.at(step), naive(kind, low + range_, low, period, step)
    assert exact - 1 - 1e-5 < tokens <= exact + 1e-5
    assert low <= tokens <= schedule.maximum == low + range_
    assert schedule.at(step + period) == tokens
    assert isinstance(schedule, BudgetSchedule)


@pytest.mark.parametrize("kind", [SiriCosine, SiriStairCosine])
@given(eighth=st.integers(1, 90), low=st.integers(1, 500), range_=st.integers(0, 500))
def test_smooth_waves_fall_to_the_middle_and_mirror_it(kind: Kind, eighth: int, low: int, range_: int) -> None:
    period = 8 * eighth
    values = [kind(low + range_, low, period).at(step) for step in range(period + 1)]
    assert values == values[::-1]
    assert min(values) == values[period // 2] == low
    assert all(a >= b for a, b in pairwise(values[: period // 2 + 1]))


def test_the_stair_spends_half_its_time_at_each_end() -> None:
    values = [SiriStair(100, 50, 10).at(step) for step in range(30)]
    assert values == ([50] * 5 + [100] * 5) * 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimum": 0}, "minimum must be a whole number"),
        ({"maximum": 10.5}, "maximum must be a whole number"),
        ({"period": 0}, "period must be a whole number"),
        ({"period": "640"}, "period must be a whole number"),
        ({"maximum": 100, "minimum": 101}, "must not exceed maximum"),
    ],
)
def test_bad_options_name_the_schedule(kind: Kind, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{kind.name}: .*{message}"):
        kind(**options)
