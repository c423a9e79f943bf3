import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History
from rewards.length.lead import Lead

Outcome = tuple[int, int | None]  # length, correct


def rewards(outcomes: list[Outcome], alpha: float = 0.05) -> list[float | None]:
    return Lead(alpha)(group(*(rollout(*o) for o in outcomes)), History())


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        # two correct: mean 200, deviation 100, z = -1 and 1
        ([(100, 1), (300, 1)], [math.exp(0.05), math.exp(-0.05)]),
        # 0, 100, 200, 400: mean 175, variance (30625 + 5625 + 625 + 50625) / 4 = 21875, deviation 147.902
        (
            [(0, 1), (100, 1), (200, 1), (400, 1)],
            [math.exp(0.05 * x / 147.90199457749) for x in (175, 75, -25, -225)],
        ),
        # the wrong ones, however long, leave mean and deviation alone and get -1
        ([(100, 1), (300, 1), (0, 0), (10_000, 0)], [math.exp(0.05), math.exp(-0.05), -1.0, -1.0]),
        # at the mean itself (200), one beyond it, and twice it: 600 / 3 = 200, deviation 100 * sqrt(2/3)
        (
            [(100, 1), (200, 1), (300, 1)],
            [math.exp(0.05 * math.sqrt(1.5)), 1.0, math.exp(-0.05 * math.sqrt(1.5))],
        ),
        ([(500, 1), (500, 1), (500, 1)], [1.0, 1.0, 1.0]),  # equal lengths: 0 / (0 + eps)
        ([(700, 1), (10, 0), (9000, 0)], [1.0, -1.0, -1.0]),  # one correct: z = 0
        ([(700, 1)], [1.0]),
        ([(700, 0)], [-1.0]),
        ([(1, 0), (10_000, 0)], [-1.0, -1.0]),
    ],
)
def test_correct_answers_are_scored_by_their_standing_among_the_correct(
    outcomes: list[Outcome], expected: list[float]
) -> None:
    assert rewards(outcomes) == pytest.approx(expected)


def test_an_unjudged_rollout_leaves_the_statistics_alone() -> None:
    assert rewards([(100, 1), (9999, None), (300, 1)]) == pytest.approx([math.exp(0.05), None, math.exp(-0.05)])
    assert rewards([(1, None), (2, None)]) == [None, None]
    assert rewards([]) == []


def test_alpha_is_the_strength_and_zero_switches_length_off() -> None:
    assert rewards([(100, 1), (300, 1), (5, 0)], alpha=0.5) == pytest.approx([math.exp(0.5), math.exp(-0.5), -1.0])
    assert rewards([(100, 1), (300, 1), (5, 0)], alpha=0.0) == [1.0, 1.0, -1.0]


def test_terms_are_correctness_and_minus_z() -> None:
    seen = group(rollout(100, 1), rollout(300, 1), rollout(5, 0), rollout(7, None))
    shown = Lead().terms(seen, History())
    assert shown["correct"] == [1.0, 1.0, 0.0, None]
    assert shown["length"] == pytest.approx([1.0, -1.0, 0.0, None])
    assert Lead().terms(group(rollout(5, 0), rollout(7, None)), History())["length"] == [0.0, None]


@pytest.mark.parametrize("alpha", [-0.05, float("nan")])
def test_a_negative_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="lead: alpha"):
        Lead(alpha)


def naive(outcomes: list[Outcome]) -> list[float | None]:
    total, squares, count = 0.0, 0.0, 0
    for length, correct in outcomes:
        if correct == 1:
            total, count = total + length, count + 1
    for length, correct in outcomes:
        if correct == 1:
            squares += (length - total / count) ** 2
    values: list[float | None] = []
    for length, correct in outcomes:
        if correct is None:
            values.append(None)
        elif correct == 0:
            values.append(-1.0)
        else:
            deviation = math.sqrt(squares / count)
            z = (length - total / count) / deviation if deviation > 1e-3 else 0.0  # of integers: above 0.1, or none
            values.append(math.exp(-0.05 * z))
    return values


drawn_groups = st.lists(st.tuples(st.integers(0, 32_768), st.sampled_from([0, 1, None])), max_size=9)


@given(drawn_groups)
def test_rewards_equal_a_naive_account_of_the_formula(drawn: list[Outcome]) -> None:
    assert rewards(drawn) == pytest.approx(naive(drawn))


@given(drawn_groups, st.integers(0, 2**32))
def test_order_in_the_group_does_not_matter(drawn: list[Outcome], seed: int) -> None:
    order = Random(seed).sample(range(len(drawn)), len(drawn))
    before = rewards(drawn)
    assert rewards([drawn[i] for i in order]) == pytest.approx([before[i] for i in order])


@given(drawn_groups, st.integers(0, 32_768), st.sampled_from([0, None]))
def test_wrong_and_unjudged_rollouts_change_nobodys_reward(
    drawn: list[Outcome], length: int, correct: int | None
) -> None:
    assert rewards([*drawn, (length, correct)])[:-1] == pytest.approx(rewards(drawn))


@given(drawn_groups)
def test_right_is_positive_and_wrong_is_minus_one(drawn: list[Outcome]) -> None:
    for (_, correct), value in zip(drawn, rewards(drawn), strict=True):
        assert (value is None) == (correct is None)
        if value is not None:
            assert value == -1.0 if correct == 0 else value > 0.0


@given(st.lists(st.integers(0, 32_768), min_size=2, max_size=8))
def test_among_the_correct_shorter_is_never_worth_less(lengths: list[int]) -> None:
    values = [value for value in rewards([(length, 1) for length in sorted(lengths)]) if value is not None]
    assert all(short >= long for short, long in pairwise(values))


@given(drawn_groups, st.integers(1, 5), st.integers(0, 1000))
def test_only_the_standing_counts_not_the_scale(drawn: list[Outcome], factor: int, shift: int) -> None:
    moved: list[Outcome] = [(factor * length + shift, correct) for length, correct in drawn]
    assert rewards(moved) == pytest.approx(rewards(drawn))
