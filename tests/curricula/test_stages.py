from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import BudgetSchedule
from curricula.stages import Stages

budget_lists = st.lists(st.integers(1, 40_000), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("tokens", "interval", "expected"),
    [
        ([16384, 32768], 1200, {0: 16384, 1199: 16384, 1200: 32768, 10**6: 32768}),  # CAMPO 7B
        ([4000, 3000, 2000], 10, {9: 4000, 10: 3000, 19: 3000, 20: 2000, 30: 2000, 99: 2000}),  # ThinkPrune
        ([4000, 3000, 2000], [10, 5], {9: 4000, 10: 3000, 14: 3000, 15: 2000}),
        ([4000, 3000, 2000], [10, 5, 7], {14: 3000, 15: 2000, 22: 2000, 99: 2000}),  # the last to the end
        ((8192, 16384, 24576), (1, 1), {0: 8192, 1: 16384, 2: 24576}),
        ([512], 5, {0: 512, 5: 512, 99: 512}),
        ([512], [], {0: 512, 99: 512}),
    ],
)
def test_each_budget_holds_for_its_interval(
    tokens: Sequence[int], interval: int | Sequence[int], expected: dict[int, int]
) -> None:
    schedule = Stages(tokens, interval)
    assert {step: schedule.at(step) for step in expected} == expected
    assert schedule.maximum == max(tokens)
    assert isinstance(schedule, BudgetSchedule)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (6, [3, 3, 2, 2, 1, 1]),
        (7, [3, 3, 3, 2, 2, 1, 1]),  # thirds end at 7/3 and 14/3: step 3 is the first at or past 2.33
        (3, [3, 2, 1]),
    ],
)
def test_without_an_interval_the_run_is_shared_out_equally(steps: int, expected: list[int]) -> None:
    assert [Stages([3, 2, 1], steps=steps).at(step) for step in range(steps)] == expected


def test_an_interval_goes_before_the_length_of_the_run() -> None:
    assert [Stages([2, 1], interval=3, steps=100).at(step) for step in range(5)] == [2, 2, 2, 1, 1]


@given(tokens=budget_lists, steps=st.integers(8, 500), step=st.integers(0, 499))
def test_equal_shares_are_exact_fractions_of_the_run(tokens: list[int], steps: int, step: int) -> None:
    step %= steps
    expected = tokens[int(Fraction(step * len(tokens), steps))]
    assert Stages(tokens, steps=steps).at(step) == expected


@given(tokens=budget_lists, data=st.data())
def test_stages_come_in_order_and_the_last_stays(tokens: list[int], data: st.DataObject) -> None:
    intervals = data.draw(st.lists(st.integers(1, 9), min_size=len(tokens), max_size=len(tokens)))
    schedule = Stages(tokens, intervals)
    written = [budget for budget, length in zip(tokens, intervals, strict=True) for _ in range(length)]
    assert [schedule.at(step) for step in range(len(written))] == written
    assert schedule.at(len(written) + 1000) == tokens[-1]
    assert all(min(tokens) <= budget <= schedule.maximum for budget in written)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": [], "interval": 1}, "tokens must be a list of budgets"),
        ({"tokens": 4000, "interval": 1}, "tokens must be a list of budgets"),
        ({"tokens": "4000", "interval": 1}, "tokens must be a list of budgets"),
        ({"tokens": [4000, 0], "interval": 1}, "tokens must be a whole number"),
        ({"tokens": [4000, 2.5], "interval": 1}, "tokens must be a whole number"),
        ({"tokens": [2, 1]}, "give `interval`"),
        ({"tokens": [2, 1], "interval": 0}, "interval must be a whole number"),
        ({"tokens": [2, 1], "interval": [0]}, "interval must be a whole number"),
        ({"tokens": [2, 1], "interval": [1, 1, 1]}, "3 intervals do not fit 2 budgets"),
        ({"tokens": [3, 2, 1], "interval": [1]}, "1 intervals do not fit 3 budgets"),
        ({"tokens": [2, 1], "steps": 0}, "steps must be a whole number"),
        ({"tokens": [2, 1], "interval": 1.5}, "interval"),
        ({"tokens": [2, 1], "interval": True}, "interval"),
    ],
)
def test_bad_options_name_the_schedule(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^stages: .*{message}"):
        Stages(**options)  # type: ignore[arg-type]
