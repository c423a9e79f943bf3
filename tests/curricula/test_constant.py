import pytest

from curricula import BudgetSchedule, Constant


def test_a_constant_budget_is_the_same_at_every_step() -> None:
    schedule = Constant(80)
    assert isinstance(schedule, BudgetSchedule)
    assert {schedule.at(step) for step in (0, 1, 10**6)} == {80}
    assert schedule.maximum == 80


def test_a_budget_below_one_token_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Constant(0)
