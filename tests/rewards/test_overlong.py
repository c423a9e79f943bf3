from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History, Rollout
from rewards.length.overlong import Overlong


@pytest.mark.parametrize(
    ("length", "term"),  # L_max = 1000, L_cache = 200: 0 up to 800, then (800 - L) / 200, -1 beyond 1000
    [
        (0, 0.0),
        (799, 0.0),
        (800, 0.0),  # (800 - 800) / 200
        (801, -0.005),  # -1/200
        (900, -0.5),  # -100/200
        (999, -0.995),  # -199/200
        (1000, -1.0),  # -200/200
        (1001, -1.0),
        (2000, -1.0),  # not -6
        (10_000, -1.0),
    ],
)
def test_reward_is_plus_or_minus_one_and_the_soft_punishment(length: int, term: float) -> None:
    some = group(*(rollout(length, c, budget=1000) for c in (1, 0, None)))
    assert Overlong(cache=200)(some, History()) == pytest.approx([1 + term, -1 + term, None])


@pytest.mark.parametrize(
    ("length", "expected"),  # L_max = 20480, L_cache = 4096: the paper's, edge at 16384
    [(16_384, 1.0), (16_385, 1 - 1 / 4096), (18_432, 0.5), (20_480, 0.0), (20_481, 0.0)],  # 1 - 2048/4096 = 0.5
)
def test_the_papers_own_lengths(length: int, expected: float) -> None:
    assert Overlong()(group(rollout(length, 1, budget=20_480)), History()) == [pytest.approx(expected)]


def test_groups_all_right_all_wrong_with_one_right_and_of_equal_lengths() -> None:
    def values(*correct: int) -> list[float | None]:
        return Overlong(cache=200)(group(*(rollout(900, c, budget=1000) for c in correct)), History())

    assert values(1, 1, 1) == [0.5, 0.5, 0.5]  # 1 - 0.5
    assert values(0, 0, 0) == [-1.5, -1.5, -1.5]  # -1 - 0.5
    assert values(0, 1, 0) == [-1.5, 0.5, -1.5]


def test_a_fixed_maximum_stands_in_for_the_budget() -> None:
    # L_max = 500, L_cache = 100: (400 - 450) / 100 = -0.5; by its own budget of 10 000 it would be 0
    assert Overlong(cache=100, max_length=500)(group(rollout(450, 1)), History()) == [0.5]
    loose = group(replace(rollout(450, 1), budget=None))
    assert Overlong(cache=100, max_length=500)(loose, History()) == [0.5]


def test_a_cache_as_large_as_the_maximum_punishes_from_the_first_token() -> None:
    assert Overlong(cache=100)(group(rollout(25, 1, budget=100)), History()) == [0.75]  # 1 - 25/100


def test_terms_are_correctness_and_the_punishment() -> None:
    some = group(*(rollout(n, c, budget=1000) for n, c in ((0, 1), (900, 0), (1000, 1), (5, None))))
    expected = {"correct": [1.0, 0.0, 1.0, None], "length": [0.0, -0.5, -1.0, None]}
    assert Overlong(cache=200).terms(some, History()) == expected


def test_an_empty_group_gets_an_empty_answer() -> None:
    assert Overlong()(group(), History()) == []


def test_a_rollout_without_a_budget_is_an_error() -> None:
    with pytest.raises(ValueError, match="budget"):
        Overlong(cache=10)(group(replace(rollout(5, 1), budget=None)), History())


@pytest.mark.parametrize("options", [{"cache": 0}, {"cache": -1}, {"max_length": 0}, {"cache": float("nan")}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="overlong: "):
        Overlong(**options)


def test_a_cache_larger_than_the_budget_is_an_error() -> None:
    with pytest.raises(ValueError, match="cache"):
        Overlong(cache=101)(group(rollout(5, 1, budget=100)), History())


def test_a_cache_larger_than_the_fixed_maximum_is_refused() -> None:
    with pytest.raises(ValueError, match="overlong: "):
        Overlong(cache=101, max_length=100)(group(rollout(5, 1)), History())


def naive(r: Rollout, cache: int) -> float | None:
    if r.raw_reward is None or r.budget is None:
        return None
    base = 1.0 if r.raw_reward == 1 else -1.0
    if r.length <= r.budget - cache:
        return base
    if r.length <= r.budget:
        return base + ((r.budget - cache) - r.length) / cache
    return base - 1.0


lengths = st.integers(0, 3000)
drawn = st.builds(rollout, lengths, st.sampled_from([0, 1, None]), budget=st.integers(500, 2000))


@given(st.lists(drawn, max_size=8), st.integers(1, 500))
def test_reward_equals_a_naive_reference_whoever_else_is_in_the_group(rollouts: list[Rollout], cache: int) -> None:
    assert Overlong(cache)(group(*rollouts), History()) == pytest.approx([naive(r, cache) for r in rollouts])


@given(lengths, st.integers(0, 1000), st.sampled_from([0, 1]))
def test_a_longer_rollout_never_earns_more(length: int, more: int, correct: int) -> None:
    pair = group(*(rollout(n, correct, budget=1000) for n in (length, length + more)))
    short, long = Overlong(cache=300)(pair, History())
    assert short >= long  # type: ignore[operator]


@given(lengths, lengths)
def test_right_at_its_worst_is_one_above_wrong_at_its_best(right: int, wrong: int) -> None:
    values = Overlong(cache=300)(group(rollout(right, 1, budget=1000), rollout(wrong, 0, budget=1000)), History())
    assert 0.0 <= values[0] <= 1.0  # type: ignore[operator]
    assert -2.0 <= values[1] <= -1.0  # type: ignore[operator]
