import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History
from rewards.length.cosine import Cosine

Outcome = tuple[int, int | None]  # length, correct
CAP = 1000


def rewards(outcomes: list[Outcome], cosine: Cosine | None = None) -> list[float | None]:
    rollouts = (rollout(length, correct, budget=CAP) for length, correct in outcomes)
    return (cosine or Cosine())(group(*rollouts), History())


@pytest.mark.parametrize(
    ("length", "right", "wrong"),
    [
        # right: 1 + 1/2 (1 + cos(pi L / 1000)); wrong: 0 - 10/2 (1 + cos(pi L / 1000))
        (0, 2.0, -10.0),  # cos 0 = 1
        (250, 1.5 + math.sqrt(0.125), -5 - 5 * math.sqrt(0.5)),  # cos pi/4 = sqrt(1/2)
        (500, 1.5, -5.0),  # cos pi/2 = 0
        (750, 1.5 - math.sqrt(0.125), -5 + 5 * math.sqrt(0.5)),
        (999, 1.0, 0.0),  # 1 + cos(0.999 pi) = 4.9e-6
        (1000, -10.0, -10.0),  # the cap itself exceeds
        (1001, -10.0, -10.0),
        (2000, -10.0, -10.0),
    ],
)
def test_reward_follows_half_a_cosine_up_to_the_cap(length: int, right: float, wrong: float) -> None:
    assert rewards([(length, 1), (length, 0)]) == pytest.approx([right, wrong], abs=3e-5)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([(500, 1), (500, 1)], [1.5, 1.5]),
        ([(0, 0), (500, 0)], [-10.0, -5.0]),
        ([(0, 0), (500, 1), (0, None)], [-10.0, 1.5, None]),
        ([(1000, None)], [None]),  # not even the penalty for exceeding
        ([], []),
    ],
)
def test_no_rollout_depends_on_the_others(outcomes: list[Outcome], expected: list[float | None]) -> None:
    assert rewards(outcomes) == pytest.approx(expected)


def test_ends_of_both_curves_and_the_penalty_are_options() -> None:
    own = Cosine(r_correct_0=3, r_correct_l=-1, r_wrong_0=-4, r_wrong_l=-2, r_exceed=-7)
    # middle: (3 - 1) / 2 = 1; (-4 - 2) / 2 = -3
    assert rewards([(0, 1), (500, 1), (0, 0), (500, 0), (1000, 1)], own) == pytest.approx([3, 1, -4, -3, -7])


def test_an_own_maximum_goes_before_the_budget() -> None:
    assert rewards([(100, 1), (200, 1)], Cosine(max_length=200)) == pytest.approx([1.5, -10.0])
    assert rewards([(1000, 1)], Cosine(max_length=2000)) == pytest.approx([1.5])


def test_each_rollout_is_measured_by_its_own_budget() -> None:
    both = group(rollout(500, 1, budget=1000), rollout(500, 1, budget=500))
    assert Cosine()(both, History()) == pytest.approx([1.5, -10.0])


def test_a_rollout_without_budget_is_refused_unless_a_maximum_is_given() -> None:
    unbounded = group(replace(rollout(500, 1), budget=None))
    with pytest.raises(ValueError, match="budget"):
        Cosine()(unbounded, History())
    assert Cosine(max_length=1000)(unbounded, History()) == pytest.approx([1.5])


@pytest.mark.parametrize("length", [0, -5])
def test_a_maximum_below_one_token_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="cosine: max_length"):
        Cosine(max_length=length)


def test_the_length_term_is_the_whole_reward() -> None:
    shown = Cosine().terms(group(*(rollout(500, c, budget=CAP) for c in (1, 0, None))), History())
    assert shown["correct"] == [1.0, 0.0, None]
    assert shown["length"] == pytest.approx([1.5, -5.0, None])


def cos_fn(t: float, whole: float, at_end: float, at_start: float) -> float:
    """The paper's CosFn with the value at length 0 passed as eta_max, as it is meant."""
    return at_end + 0.5 * (at_start - at_end) * (1 + math.cos(t * math.pi / whole))


def naive(outcomes: list[Outcome]) -> list[float | None]:
    values: list[float | None] = []
    for length, correct in outcomes:
        if correct is None:
            values.append(None)
        elif length >= CAP:
            values.append(-10.0)
        elif correct == 1:
            values.append(cos_fn(length, CAP, 1.0, 2.0))
        else:
            values.append(cos_fn(length, CAP, 0.0, -10.0))
    return values


outcomes = st.lists(st.tuples(st.integers(0, 2 * CAP), st.sampled_from([0, 1, None])), max_size=9)


@given(outcomes)
def test_rewards_equal_a_naive_account_of_the_formula(drawn: list[Outcome]) -> None:
    assert rewards(drawn) == pytest.approx(naive(drawn))


@given(outcomes, st.integers(0, 2**32))
def test_order_in_the_group_does_not_matter(drawn: list[Outcome], seed: int) -> None:
    order = Random(seed).sample(range(len(drawn)), len(drawn))
    before = rewards(drawn)
    assert rewards([drawn[i] for i in order]) == [before[i] for i in order]


@given(outcomes, st.integers(0, 2 * CAP))
def test_an_unjudged_rollout_changes_nobodys_reward(drawn: list[Outcome], length: int) -> None:
    assert rewards([*drawn, (length, None)]) == [*rewards(drawn), None]


@given(st.integers(0, CAP - 1), st.integers(0, CAP - 1))
def test_within_the_cap_right_prefers_short_and_wrong_prefers_long(one: int, other: int) -> None:
    short, long = sorted((one, other))
    right_short, right_long, wrong_short, wrong_long = judged_rewards([(short, 1), (long, 1), (short, 0), (long, 0)])
    assert right_short >= right_long
    assert wrong_short <= wrong_long
    assert right_long >= 1.0 > 0.0 >= wrong_long


def judged_rewards(outcomes: list[Outcome]) -> list[float]:
    return [value for value in rewards(outcomes) if value is not None]
