import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.order import AsGiven
from rewards import Problem
from rl.sampler import ProblemSampler


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
