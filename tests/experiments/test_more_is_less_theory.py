import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.more_is_less.theory import Cell, likeliest, optimum, predict


def test_the_accuracy_of_the_formula_worked_out_by_hand() -> None:
    # T = 16, N = 8, a = .9, C = 160, M = 4: (1 - .1)(1 - 16/32) = .45, .9 * .45^8 = .9 * .0016815 = .0015134.
    assert predict(16, 8, 0.9, 160.0, 4.0) == pytest.approx(0.9 * 0.45**8)
    assert predict(16, 8, 0.9, 160.0, 4.0) == pytest.approx(0.0015134, rel=1e-4)
    # With k = 2 a step errs with (2/4)^2 = 1/4: (1 - .1)(1 - 1/4) = .675.
    assert predict(16, 8, 0.9, 160.0, 4.0, 2.0) == pytest.approx(0.9 * 0.675**8)
    # Four operators a step with M = 4: never right.
    assert predict(16, 4, 1.0, 160.0, 4.0) == 0


@given(st.integers(2, 60), st.floats(1.1, 50), st.floats(1.5, 12), st.floats(1, 4))
def test_the_optimum_is_where_the_formula_is_largest(
    operators: int, ratio: float, capability: float, power: float
) -> None:
    planning = ratio * operators
    best = optimum(operators, planning, capability, power)
    there = math.log(predict(operators, best, 1.0, planning, capability, power))
    for factor in (0.9, 0.97, 1.03, 1.1):
        other = float(predict(operators, best * factor, 1.0, planning, capability, power))
        assert other == 0 or math.log(other) < there


def test_known_optima() -> None:
    # From brute-force maximisation of A(N) on a grid of 1e-3.
    cases = [((16, 200, 4), 12.588), ((32, 200, 4), 19.235), ((64, 200, 6), 19.925), ((8, 50, 3), 6.412)]
    for (operators, planning, capability), best in cases:
        assert optimum(operators, planning, capability) == pytest.approx(best, abs=1e-3)


def test_harder_problems_want_more_steps_and_better_models_fewer() -> None:
    assert optimum(8, 200, 4) < optimum(16, 200, 4) < optimum(32, 200, 4)
    assert optimum(16, 200, 8) < optimum(16, 200, 4) < optimum(16, 200, 2)


def test_no_number_of_steps_helps_beyond_what_can_be_planned() -> None:
    with pytest.raises(ValueError, match="operators must lie in"):
        optimum(50, 50, 4)
    with pytest.raises(ValueError, match="power must be at least 1"):
        optimum(4, 50, 4, 0.5)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_fit_finds_the_parameters_that_made_the_counts(power: float) -> None:
    rng = random.Random(0)
    cells = []
    for operators in (4, 8, 12, 16):
        for size in (1, 2, 3, 4, 6):
            steps = math.ceil(operators / size)
            p = 0.1 + 0.9 * float(predict(operators, steps, 0.95, 150.0, 9.0, power))
            cells.append(Cell(operators, steps, sum(rng.random() < p for _ in range(4000)), 4000, 0.1))
    found = likeliest(cells)
    assert found.power == power
    assert found.scale == pytest.approx(0.95, abs=0.02)
    assert found.planning == pytest.approx(150, rel=0.1)
    assert found.capability == pytest.approx(9, rel=0.05)
    for operators in (4, 8, 12, 16):
        assert found.best_steps(operators) == pytest.approx(optimum(operators, 150.0, 9.0, power), rel=0.1)
