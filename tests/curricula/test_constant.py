import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import BudgetSchedule, Constant, GroupBudget, ProblemBudget


def test_a_constant_budget_is_the_same_at_every_step() -> None:
    schedule = Constant(80)
    assert isinstance(schedule, BudgetSchedule)
    assert {schedule.at(step) for step in (0, 1, 10**6)} == {80}
    assert schedule.maximum == 80


@given(tokens=st.integers(1, 10**6), step=st.integers(0, 10**9))
def test_whatever_it_is_told_is_its_budget_and_its_maximum(tokens: int, step: int) -> None:
    assert Constant(tokens).at(step) == Constant(tokens).maximum == tokens


def test_it_knows_neither_groups_nor_problems() -> None:
    assert not isinstance(Constant(80), GroupBudget)
    assert not isinstance(Constant(80), ProblemBudget)


@pytest.mark.parametrize("tokens", [0, -5, 1.5, True, "80", float("nan")])
def test_what_is_not_a_whole_number_of_tokens_is_refused(tokens: object) -> None:
    with pytest.raises(ValueError, match="constant: tokens must be a whole number of at least 1"):
        Constant(tokens)  # type: ignore[arg-type]
