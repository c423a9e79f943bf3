from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History
from rewards.length.conditioned import ConditionedLength

Outcome = tuple[int, int | None]  # length, correct


def rewards(outcomes: list[Outcome], target: int = 4000, conditioned: bool = True) -> list[float | None]:
    return ConditionedLength(target, conditioned)(group(*(rollout(*o) for o in outcomes)), History())


@pytest.mark.parametrize(
    ("length", "right", "wrong", "wrong_unconditioned"),
    [
        (0, 2.0, 0.0, 1.0),  # 1 + 1; 0 + 0; 0 + 1
        (4000, 2.0, 0.0, 1.0),  # on target is within it
        (4001, 1.0, 0.0, 0.0),  # 1 + 0
        (8000, 1.0, 0.0, 0.0),  # twice the target, the paper's cap
    ],
)
def test_within_the_target_only_correct_answers_earn_unless_unconditioned(
    length: int, right: float, wrong: float, wrong_unconditioned: float
) -> None:
    assert rewards([(length, 1), (length, 0)]) == [right, wrong]
    assert rewards([(length, 1), (length, 0)], conditioned=False) == [right, wrong_unconditioned]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([(10, 1), (5000, 1)], [2.0, 1.0]),
        ([(10, 0), (5000, 0)], [0.0, 0.0]),
        ([(10, 0), (10, 1), (10, None)], [0.0, 2.0, None]),
        ([(10, None)], [None]),
        ([], []),
    ],
)
def test_no_rollout_depends_on_the_others(outcomes: list[Outcome], expected: list[float | None]) -> None:
    assert rewards(outcomes) == expected


def test_the_target_is_an_option_and_may_be_zero() -> None:
    assert rewards([(100, 1), (101, 1)], target=100) == [2.0, 1.0]
    assert rewards([(0, 1), (1, 1)], target=0) == [2.0, 1.0]


def test_unconditioned_a_short_wrong_answer_ties_with_a_long_correct_one() -> None:
    # 0 + 1 = 1 + 0: the paper's reason to condition
    assert rewards([(10, 0), (5000, 1)], conditioned=False) == [1.0, 1.0]


@pytest.mark.parametrize(("conditioned", "wrong"), [(True, 0.0), (False, 1.0)])
def test_terms_are_the_two_rewards_that_gdpo_normalises_apart(conditioned: bool, wrong: float) -> None:
    seen = group(rollout(10, 1), rollout(10, 0), rollout(5000, 1), rollout(5000, 0), rollout(10, None))
    assert ConditionedLength(conditioned=conditioned).terms(seen, History()) == {
        "correct": [1.0, 0.0, 1.0, 0.0, None],
        "length": [1.0, wrong, 0.0, 0.0, None],
    }


def test_a_negative_target_is_refused() -> None:
    with pytest.raises(ValueError, match="conditioned-length: target"):
        ConditionedLength(target=-1)


def naive(outcomes: list[Outcome], target: int, conditioned: bool) -> list[float | None]:
    values: list[float | None] = []
    for length, correct in outcomes:
        if correct is None:
            values.append(None)
            continue
        short = 1.0 if length <= target else 0.0
        if conditioned and correct != 1:
            short = 0.0
        values.append(correct + short)
    return values


outcomes = st.lists(st.tuples(st.integers(0, 200), st.sampled_from([0, 1, None])), max_size=9)
targets = st.integers(0, 200)


@given(outcomes, targets, st.booleans())
def test_rewards_equal_a_naive_account_of_the_formula(drawn: list[Outcome], target: int, conditioned: bool) -> None:
    assert rewards(drawn, target, conditioned) == naive(drawn, target, conditioned)


@given(outcomes, targets, st.booleans(), st.integers(0, 2**32))
def test_order_in_the_group_does_not_matter(drawn: list[Outcome], target: int, conditioned: bool, seed: int) -> None:
    order = Random(seed).sample(range(len(drawn)), len(drawn))
    before = rewards(drawn, target, conditioned)
    assert rewards([drawn[i] for i in order], target, conditioned) == [before[i] for i in order]


@given(outcomes, targets, st.booleans(), st.integers(0, 200))
def test_an_unjudged_rollout_changes_nobodys_reward(
    drawn: list[Outcome], target: int, conditioned: bool, length: int
) -> None:
    assert rewards([*drawn, (length, None)], target, conditioned) == [*rewards(drawn, target, conditioned), None]


@given(st.integers(0, 200), st.integers(0, 200), targets)
def test_conditioned_right_beats_wrong_whatever_the_lengths(right: int, wrong: int, target: int) -> None:
    values = rewards([(right, 1), (wrong, 0)], target)
    assert values[0] is not None
    assert values[0] >= 1.0
    assert values[1] == 0.0
