import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import BudgetSchedule, ProblemBudget
from curricula.sampled import Sampled
from curricula.split import Split


def test_the_papers_range_is_100_to_4000() -> None:
    schedule = Sampled()
    assert isinstance(schedule, BudgetSchedule)
    assert isinstance(schedule, ProblemBudget)
    assert (schedule.minimum, schedule.maximum, schedule.at(7)) == (100, 4000, 4000)


@given(
    low=st.integers(1, 3000),
    range_=st.integers(0, 3000),
    seed=st.integers(-5, 10**6),
    problem=st.text(),
    steps=st.lists(st.integers(0, 10**6), min_size=2, max_size=4),
)
def test_a_problem_keeps_its_budget_within_the_bounds(
    low: int, range_: int, seed: int, problem: str, steps: list[int]
) -> None:
    drawn = {Sampled(low, low + range_, seed).for_problem(step, problem) for step in steps}
    assert len(drawn) == 1
    assert low <= drawn.pop() <= Sampled(low, low + range_, seed).maximum == low + range_


def test_other_problems_and_other_seeds_draw_other_budgets() -> None:
    schedules = [Sampled(seed=seed) for seed in range(10)]
    assert len({s.for_problem(0, "a") for s in schedules}) > 5
    assert len({schedules[0].for_problem(0, str(i)) for i in range(100)}) > 80


def test_another_process_draws_the_same() -> None:
    code = "from curricula.sampled import Sampled; print([Sampled(seed=3).for_problem(0, f'p{i}') for i in range(9)])"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == str([Sampled(seed=3).for_problem(0, f"p{i}") for i in range(9)])


def test_both_ends_of_the_range_are_drawn() -> None:
    assert {Sampled(5, 7).for_problem(0, str(i)) for i in range(200)} == {5, 6, 7}
    assert Sampled(9, 9).for_problem(0, "p") == 9


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_budgets_are_roughly_uniform(seed: int) -> None:
    schedule = Sampled(100, 4099, seed)  # 4000 values, 10 bins of 400
    counts = [0] * 10
    for i in range(10_000):
        counts[(schedule.for_problem(0, f"problem {i}") - 100) // 400] += 1
    # 1000 a bin expected, standard deviation 30: chi-squared with 9 degrees exceeds 33.7 once in 10 000
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 33.7


def test_a_dial_of_few_settings_draws_each_of_them() -> None:
    schedule = Sampled(choices=[60, 30, 100])
    assert {schedule.for_problem(0, str(i)) for i in range(50)} == {30, 60, 100}
    assert (schedule.maximum, schedule.at(7)) == (100, 100)
    named = Sampled(choices={"high": 100, "low": 30, "medium": 60})
    assert [named.for_problem(0, str(i)) for i in range(50)] == [schedule.for_problem(0, str(i)) for i in range(50)]
    assert Split(named, 8).efforts == {100: "high", 30: "low", 60: "medium"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimum": 0}, "minimum must be a whole number"),
        ({"maximum": 10.5}, "maximum must be a whole number"),
        ({"choices": [30, 0]}, "choice 2 must be a whole number"),
        ({"choices": []}, "choices must be different tokens"),
        ({"choices": [30, 30]}, "choices must be different tokens"),
        ({"choices": {"low": 30, "high": 1.5}}, "choice 2 must be a whole number"),
        ({"minimum": 11, "maximum": 10}, "minimum \\(11\\) must not exceed maximum \\(10\\)"),
    ],
)
def test_bad_options_name_the_schedule(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^sampled: {message}"):
        Sampled(**options)
