"""The front and the hypervolume: by hand, by brute force, and over resampled problems."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl.report.pareto import front, hypervolume, resample

NAN = math.nan
points = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 8)), max_size=8).map(
    lambda pairs: [(float(tokens), accuracy / 8) for tokens, accuracy in pairs]
)


def test_the_front_is_what_no_other_point_beats() -> None:
    # 50 tokens at .8 beats 60 at .8 and 50 at .7; 30 at .5 is shorter, 90 at .9 better.
    assert front([(60, 0.8), (50, 0.8), (50, 0.7), (90, 0.9), (30, 0.5)]) == [4, 1, 3]


def test_equal_points_share_the_front_and_what_is_no_number_has_no_place_on_it() -> None:
    assert front([(50, 0.8), (50, 0.8), (NAN, 0.9), (10, NAN)]) == [0, 1]
    assert front([]) == []


def test_the_hypervolume_by_hand() -> None:
    assert hypervolume([(50, 0.8)], 100) == pytest.approx(0.5 * 0.8)
    # From 20 to 50 at .5, from 50 to 100 at .8.
    assert hypervolume([(50, 0.8), (20, 0.5), (60, 0.7)], 100) == pytest.approx(0.3 * 0.5 + 0.5 * 0.8)
    assert hypervolume([(0, 1.0)], 100) == 1.0
    assert hypervolume([(100, 1.0), (200, 1.0)], 100) == 0.0
    assert hypervolume([], 100) == 0.0
    with pytest.raises(ValueError, match="positive number of tokens"):
        hypervolume([], 0)


def beaten(point: tuple[float, float], other: tuple[float, float]) -> bool:
    return other != point and other[0] <= point[0] and other[1] >= point[1]


@given(points)
def test_the_front_is_that_of_comparing_all_pairs(given_points: list[tuple[float, float]]) -> None:
    naive = {i for i, point in enumerate(given_points) if not any(beaten(point, other) for other in given_points)}
    found = front(given_points)
    assert set(found) == naive
    assert [given_points[i][0] for i in found] == sorted(given_points[i][0] for i in found)


@given(points)
def test_the_hypervolume_is_that_of_counting_cells(given_points: list[tuple[float, float]]) -> None:
    cells = product(range(10), range(8))
    covered = sum(any(t <= x and 8 * a >= y + 1 for t, a in given_points) for x, y in cells)
    assert hypervolume(given_points, 10) == pytest.approx(covered / 80)


@given(points, st.tuples(st.floats(0, 12), st.floats(0, 1)))
def test_one_more_model_never_takes_from_the_hypervolume(
    given_points: list[tuple[float, float]], more: tuple[float, float]
) -> None:
    assert hypervolume([*given_points, more], 10) >= hypervolume(given_points, 10) - 1e-12


def test_a_bootstrap_knows_what_is_certain_and_what_is_not() -> None:
    rng = np.random.default_rng(0)
    right = (rng.random(200) < 0.5).astype(float)
    correct = np.stack([right, right, np.ones(200)])
    tokens = np.stack([np.full(200, 50.0), np.full(200, 60.0), np.full(200, 90.0)])
    found = resample(correct, tokens, [[0, 1], [2]], 100)
    # The second is as good as the first and longer in every resample, the third better and longer than both.
    assert found.on_front == [1.0, 0.0, 1.0]
    first, second = found.volumes
    assert first.mean == pytest.approx(0.5 * right.mean())
    # A share of 200 has a standard error of about .035; half of it, since half the tokens are saved.
    assert first.high - first.low == pytest.approx(2 * 1.96 * 0.5 * math.sqrt(0.25 / 200), rel=0.1)
    assert (second.low, second.mean, second.high) == pytest.approx((0.1, 0.1, 0.1))


def test_a_bootstrap_draws_the_same_problems_for_all_models() -> None:
    # The second gets one problem more right in every resample that holds it, and is as long: it is never beaten.
    correct = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 0.0, 1.0]])
    found = resample(correct, np.full((2, 4), 50.0), [[0], [1]], 100)
    assert found.on_front[1] == 1.0
    # The first stands beside it where the problem was not drawn: (3/4)^4.
    assert found.on_front[0] == pytest.approx(0.75**4, abs=0.03)


def test_problems_that_nobody_judged_count_for_length_alone() -> None:
    correct = np.array([[1.0, NAN, 1.0], [NAN, NAN, NAN]])
    tokens = np.array([[10.0, 40.0, 10.0], [10.0, 10.0, 10.0]])
    found = resample(correct, tokens, [[0], [1]], 100)
    assert found.volumes[0].mean == pytest.approx(0.8)
    assert found.volumes[1].mean == 0.0
    assert found.on_front[1] == 0.0


def test_without_problems_in_common_nothing_is_said() -> None:
    found = resample(np.empty((2, 0)), np.empty((2, 0)), [[0], [1]], 100)
    assert all(map(math.isnan, [*found.on_front, found.volumes[0].mean]))
