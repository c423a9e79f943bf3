"""Differences between arms, against hand-worked numbers, a naive computation and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from experiments.study.contrasts import Difference, difference


def test_the_squared_error_is_that_of_the_seeds_and_that_of_the_problems() -> None:
    # Seed means: a 2, 4 (variance 2, of the mean 2/2 = 1); b 1, 1 (0). By problem a - b: 3-1, 3-1 = 2, 2 (variance 0).
    arms = {"a": np.array([[2.0, 2.0], [4.0, 4.0]]), "b": np.array([[1.0, 1.0], [1.0, 1.0]])}
    found = difference(arms, ["a"], ["b"])
    assert found.mean == 2
    assert found.error == pytest.approx(1)
    assert found.high - found.mean == pytest.approx(12.706, abs=1e-3)  # t of one degree of freedom, 97.5 %


def test_problems_alone_give_the_interval_of_the_paired_test() -> None:
    # One seed each: differences 1, 0, 2, 1: mean 1, variance 2/3, error sqrt(2/3 / 4) = 0.408, t(3) = 3.182.
    arms = {"a": np.array([[2.0, 1.0, 3.0, 2.0]]), "b": np.array([[1.0, 1.0, 1.0, 1.0]])}
    found = difference(arms, ["a"], ["b"])
    assert (found.mean, found.few) == (1, True)
    assert found.error == pytest.approx(math.sqrt(2 / 3 / 4))
    assert found.high == pytest.approx(1 + 3.182 * found.error, abs=1e-3)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=6), st.lists(st.floats(-10, 10), min_size=2, max_size=6))
def test_over_seeds_alone_it_is_welchs_test(a: list[float], b: list[float]) -> None:
    first, second = np.array(a), np.array(b)
    if first.var() + second.var() < 1e-6:
        return
    found = difference({"a": first[:, None], "b": second[:, None]}, ["a"], ["b"])
    interval = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-6)


def test_a_main_effect_is_the_mean_of_the_differences_of_its_pairs() -> None:
    rng = np.random.default_rng(0)
    arms = {name: rng.normal(size=(3, 5)) for name in ("off", "on", "off too", "on too")}
    found = difference(arms, ["on", "on too"], ["off", "off too"])
    pairs = [difference(arms, ["on"], ["off"]).mean, difference(arms, ["on too"], ["off too"]).mean]
    assert found.mean == pytest.approx(sum(pairs) / 2)


def test_an_unknown_answer_counts_for_neither_side() -> None:
    arms = {"a": np.array([[1.0, np.nan, 3.0]]), "b": np.array([[0.0, 5.0, 0.0]])}
    found = difference(arms, ["a"], [])
    assert found.mean == 2
    assert not math.isnan(difference(arms, ["a"], ["b"]).error)


def test_intervals_hold_the_truth_at_least_as_often_as_they_say() -> None:
    rng, inside, trials = np.random.default_rng(1), 0, 400
    for _ in range(trials):
        hard = rng.normal(0, 2, size=50)  # problems, shared by both arms
        arms = {
            name: hard * share + rng.normal(mean, 0.5, size=(4, 1)) + rng.normal(0, 1, size=(4, 50))
            for name, mean, share in (("a", 1.0, 1.2), ("b", 0.0, 1.0))
        }
        found = difference(arms, ["a"], ["b"])
        inside += found.low <= 1 <= found.high
    assert inside / trials >= 0.93


CASES = [
    ("more", (0.1, 2.0), "held"),
    ("more", (-1.0, 2.0), "open"),
    ("more", (-2.0, -0.1), "not held"),
    ("less", (-2.0, -0.1), "held"),
    ("less", (0.1, 0.2), "not held"),
    ("same", (-0.5, 0.9), "held"),
    ("same", (-0.5, 1.1), "open"),
    ("same", (1.1, 1.5), "not held"),
    ("not less", (-0.9, 3.0), "held"),
    ("not less", (-1.1, 0.5), "open"),
    ("not less", (-3.0, -1.1), "not held"),
]


@pytest.mark.parametrize(("expected", "interval", "verdict"), CASES)
def test_a_verdict_is_given_only_where_the_whole_interval_lies_on_one_side(
    expected: str, interval: tuple[float, float], verdict: str
) -> None:
    found = Difference(sum(interval) / 2, 1.0, *interval)
    assert found.verdict(expected, margin=1.0) == verdict  # type: ignore[arg-type]


def test_nothing_can_be_said_of_one_number_each() -> None:
    found = difference({"a": np.array([[1.0]]), "b": np.array([[0.0]])}, ["a"], ["b"])
    assert math.isnan(found.low)
    assert found.verdict("more") == "open"
