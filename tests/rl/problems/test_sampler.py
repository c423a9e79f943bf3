import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.order import AsGiven, EasyToHard, PassRateWindow
from rewards import Problem
from rl.errors import UserError
from rl.problems.sampler import ProblemSampler


def problems(size: int) -> list[Problem]:
    return [Problem(str(i), f"{i}", "0") for i in range(size)]


@given(st.integers(1, 30), st.lists(st.integers(1, 20), max_size=10), st.integers(0, 5))
def test_every_pass_hands_out_every_problem_once(size: int, takes: list[int], seed: int) -> None:
    sampler = ProblemSampler(problems(size), seed)
    drawn = [index for count in takes for index in sampler.take(count)]
    for start in range(0, len(drawn) - size + 1, size):
        assert sorted(drawn[start : start + size]) == list(range(size))


@given(st.integers(1, 30), st.integers(0, 60), st.integers(1, 60))
def test_a_restored_sampler_goes_on_where_the_first_stopped(size: int, before: int, after: int) -> None:
    first, second = ProblemSampler(problems(size), 3), ProblemSampler(problems(size), 3)
    first.take(before)
    second.load_state_dict(first.state_dict())
    assert first.take(after) == second.take(after)


def test_seeds_give_different_orders() -> None:
    assert ProblemSampler(problems(50), 0).take(50) != ProblemSampler(problems(50), 1).take(50)


@pytest.mark.parametrize("size", [1, 7])
def test_unshuffled_problems_come_in_order(size: int) -> None:
    assert ProblemSampler(problems(size), 0, AsGiven()).take(2 * size) == [*range(size), *range(size)]


def test_a_window_passes_over_what_is_solved_too_often_or_never() -> None:
    rates = {0: 1.0, 1: 0.0, 2: 0.5}  # 3 was never tried
    sampler = ProblemSampler(problems(4), 0, PassRateWindow(0.1, 0.9))
    assert set(sampler.take(4, rates.get)) == {2, 3}
    assert sampler.skipped == sampler.drawn - 4


def test_a_window_that_admits_nobody_hands_out_problems_all_the_same() -> None:
    sampler = ProblemSampler(problems(3), 0, PassRateWindow(0.4, 0.6))
    assert len(sampler.take(5, lambda _: 0.0)) == 5
    assert sampler.skipped == 15  # a whole pass before each of the five


def test_an_order_by_a_column_reads_numbers_and_levels() -> None:
    leveled = [Problem(str(i), "x", "1", {"level": f"Level {5 - i}"}) for i in range(4)]
    assert ProblemSampler(leveled, 0, EasyToHard("level")).take(4) == [3, 2, 1, 0]
    assert ProblemSampler(leveled, 0, EasyToHard("level", easy="high")).take(4) == [0, 1, 2, 3]
    with pytest.raises(UserError, match="goes by column 'difficulty', but a problem has None there"):
        ProblemSampler(leveled, 0, EasyToHard())
