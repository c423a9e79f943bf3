import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import BudgetSchedule, GroupBudget
from curricula.difficulty_tiers import DifficultyTiers

accuracies = st.floats(0, 1)


@pytest.mark.parametrize(
    ("accuracy", "tokens"),
    [(0.0, 4000), (0.25, 4000), (0.5, 4000), (math.nextafter(0.5, 1), 2000), (9 / 16, 2000), (1.0, 2000)],
)
def test_the_papers_groups_above_a_half_have_half_the_budget(accuracy: float, tokens: int) -> None:
    schedule = DifficultyTiers()
    assert schedule.for_group(0, accuracy) == schedule.for_group(10**6, accuracy) == tokens


def test_everything_is_sampled_at_the_largest_budget() -> None:
    schedule = DifficultyTiers((0.5,), (2000, 4000))
    assert isinstance(schedule, BudgetSchedule)
    assert isinstance(schedule, GroupBudget)
    assert schedule.at(0) == schedule.at(150) == schedule.maximum == 4000


@pytest.mark.parametrize(
    ("accuracy", "tokens"),
    [(0.0, 4000), (0.25, 4000), (0.26, 3000), (0.5, 3000), (0.6, 2000), (0.75, 2000), (0.76, 1000), (1.0, 1000)],
)
def test_three_thresholds_part_four_budgets(accuracy: float, tokens: int) -> None:
    assert DifficultyTiers([0.25, 0.5, 0.75], [4000, 3000, 2000, 1000]).for_group(0, accuracy) == tokens


def test_no_threshold_is_one_budget() -> None:
    assert {DifficultyTiers([], [700]).for_group(0, accuracy) for accuracy in (0.0, 0.5, 1.0)} == {700}


@given(
    thresholds=st.lists(accuracies, unique=True, max_size=5).map(sorted),
    accuracy=accuracies,
    other=accuracies,
    seed=st.integers(0, 99),
)
def test_budgets_equal_a_walk_down_the_tiers(thresholds: list[float], accuracy: float, other: float, seed: int) -> None:
    tokens = [100 * (k + 1) for k in range(len(thresholds) + 1)]
    Random(seed).shuffle(tokens)  # in any order: the hardest always has the largest
    schedule = DifficultyTiers(thresholds, tokens)
    tiers = sorted(tokens)[::-1]
    k = 0
    while k < len(thresholds) and accuracy > thresholds[k]:
        k += 1
    assert schedule.for_group(0, accuracy) == tiers[k]
    low, high = sorted([accuracy, other])
    assert schedule.for_group(0, low) >= schedule.for_group(0, high)
    assert min(tokens) <= schedule.for_group(0, accuracy) <= schedule.at(0) == schedule.maximum == max(tokens)


@pytest.mark.parametrize("accuracy", [-0.01, 1.01, math.nan, math.inf])
def test_what_is_no_accuracy_is_refused(accuracy: float) -> None:
    with pytest.raises(ValueError, match="difficulty-tiers: an accuracy lies in"):
        DifficultyTiers().for_group(0, accuracy)


@pytest.mark.parametrize(
    ("thresholds", "tokens", "message"),
    [
        ([0.5], [4000], "1 thresholds need 2 budgets"),
        ([], [4000, 2000], "0 thresholds need 1 budgets"),
        ([0.6, 0.5], [3, 2, 1], "thresholds must rise"),
        ([0.5, 0.5], [3, 2, 1], "thresholds must rise"),
        ([1.5], [2, 1], "thresholds must rise"),
        ([-0.1], [2, 1], "thresholds must rise"),
        ([math.nan], [2, 1], "thresholds must rise"),
        (["a"], [2, 1], "thresholds"),
        ([0.5], [4000, 0], "tokens must be a whole number"),
        ([0.5], [4000, 0.5], "tokens must be a whole number"),
        (0.5, [4000, 2000], "thresholds must be a list"),
        ([0.5], 4000, "tokens must be a list"),
        ([0.5], "42", "tokens must be a list"),
    ],
)
def test_bad_options_name_the_schedule(thresholds: object, tokens: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^difficulty-tiers: {message}"):
        DifficultyTiers(thresholds, tokens)  # type: ignore[arg-type]
