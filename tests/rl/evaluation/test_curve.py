"""The measures of an accuracy-budget curve, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl.evaluation.figures.curve import (
    area,
    efficiency,
    error,
    frontier_of,
    log_weights,
    overshoot,
    rank_correlation,
    regret,
    tokens_per_correct,
)


def test_the_area_is_the_trapezoids_over_log_budgets() -> None:
    # 100, 200, 800: gaps of 1 and 2 doublings. Weights: (1/2, (1 + 2)/2, 2/2) / 3 = (1/6, 1/2, 1/3)
    assert log_weights([100, 200, 800]) == pytest.approx([1 / 6, 1 / 2, 1 / 3])
    # means 0.2, 0.6, 0.9: (0.2/6 + 0.6/2 + 0.9/3) = 0.6333
    accuracy = np.array([[0.2, 0.6, 0.9]] * 4)
    assert area(accuracy, [100, 200, 800]).mean == pytest.approx(0.2 / 6 + 0.3 + 0.3)
    assert area(np.array([[0.25], [0.75]]), [64]).mean == 0.5
    with pytest.raises(ValueError, match="must rise"):
        log_weights([200, 100])


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=8, unique=True), st.floats(0, 1))
def test_the_area_of_a_level_curve_is_its_level(budgets: list[int], level: float) -> None:
    assert area(np.full((3, len(budgets)), level), sorted(budgets)).mean == pytest.approx(level)


def test_a_right_answer_costs_mean_tokens_over_mean_accuracy() -> None:
    found = tokens_per_correct([1, 0, 1, 0], [100, 300, 200, 400])  # 250 / 0.5, not the mean of 100 and 200
    assert found.mean == 500
    assert found.low < 500 < found.high
    assert tokens_per_correct([0, 0], [10, 20]).mean == math.inf


def test_regret_sums_what_the_best_of_a_pool_has_more() -> None:
    pool = frontier_of([([10, 20], np.array([[0.2, 0.8], [0.4, 0.8]])), ([10, 40], np.array([[0.5, 0.9]]))])
    assert pool == {10: 0.5, 20: 0.8, 40: 0.9}  # max(0.3, 0.5), 0.8, 0.9
    assert regret(np.array([[0.3, 0.9]]), [10, 20], pool).mean == pytest.approx(0.1)  # 0.2 - 0.1
    with pytest.raises(ValueError, match="no accuracy at 30 tokens"):
        regret(np.array([[0.3]]), [30], pool)


def test_the_efficiency_score_pays_three_for_accuracy_won_and_five_for_lost() -> None:
    # Half the tokens: 0.5. From 0.8 to 0.9: 3 * 0.1/0.8 = 0.375; to 0.6: -5 * 0.2/0.8 = -1.25
    base = [0.8] * 3, [200] * 3
    assert efficiency([0.9] * 3, [100] * 3, *base).mean == pytest.approx(0.875)
    assert efficiency([0.6] * 3, [100] * 3, *base).mean == pytest.approx(-0.75)
    assert math.isnan(efficiency([0.6], [100], [0.0], [200]).mean)


def test_overshoot_and_error_hold_each_answer_against_what_was_asked() -> None:
    tokens = np.array([[30.0, 50.0], [20.0, 90.0]])
    assert overshoot(tokens, [20, 60]).tolist() == [[10, 0], [0, 30]]
    assert error(tokens, [20, 60]) == pytest.approx(np.array([[0.5, 1 / 6], [0.0, 0.5]]))


def test_the_rank_correlation_is_spearmans() -> None:
    assert rank_correlation([20, 40, 60], [5, 6, 90]) == pytest.approx(1)
    assert rank_correlation([20, 40, 60], [9, 8, 7]) == pytest.approx(-1)
    # ranks 1.5, 1.5, 3.5, 3.5 and 1, 3, 2, 4: deviations (-1, -1, 1, 1), (-1.5, 0.5, -0.5, 1.5); 2 / sqrt(4 * 5)
    assert rank_correlation([20, 20, 40, 40], [1, 3, 2, 4]) == pytest.approx(2 / math.sqrt(20))
    assert math.isnan(rank_correlation([20, 40], [7, 7]))
