import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_synth import steps

DIGITS = st.lists(st.integers(0, steps.BASE - 1), min_size=2, max_size=25)


def test_a_trace_works_out_so_many_operators_a_step_and_copies_the_rest() -> None:
    assert steps.question((3, 1, 0, 2, 2, 1), 2) == "a3b1c0a2b2c1=? (2)"
    # ||3-1|-0| = 2, then ||2-2|-2| = 2, then |2-1| = 1: five operators in steps of two are three steps.
    expected = "<think>\na3b1c0=c2a2b2c1\nc2a2b2=b2c1\nb2c1=c1\n</think>\n\\boxed{1}"
    assert steps.trace((3, 1, 0, 2, 2, 1), 2) == expected
    assert steps.answer((3, 1, 0, 2, 2, 1)) == 1


@given(DIGITS, st.integers(1, 9))
def test_every_trace_ends_in_the_answer_after_the_steps_it_was_asked_for(digits: list[int], size: int) -> None:
    text = steps.trace(digits, size)
    taken = steps.steps_of(text)
    assert text.endswith(f"\\boxed{{{steps.answer(digits)}}}")
    assert len(taken) == math.ceil((len(digits) - 1) / size)
    assert sum(taken) == len(digits) - 1
    assert all(operators == size for operators in taken[:-1])


@given(DIGITS, st.integers(1, 9))
def test_every_line_of_a_trace_has_the_answer_of_the_problem(digits: list[int], size: int) -> None:
    for line in steps.trace(digits, size).splitlines()[1:-2]:
        after = [int(digit) for digit in re.findall(r"\d", line.partition("=")[2])]
        assert steps.answer(after) == steps.answer(digits)


@given(DIGITS)
def test_the_answer_hangs_on_every_digit(digits: list[int]) -> None:
    for place in range(len(digits)):
        other = [*digits]
        other[place] += 1
        assert steps.answer(other) % 2 != steps.answer(digits) % 2


def test_a_trace_goes_on_from_what_a_hand_that_slips_wrote() -> None:
    hand = iter([3, 1, 2, 2, 2])  # the third digit, 0, is written as 2
    # |3-1| = 2, and 2 beside it for 0; then |2-2| = 0, where |2-0| = 2 was right.
    expected = "<think>\na3b1=b2c2\nb2c2=c0\n</think>\n\\boxed{0}"
    assert steps.trace((3, 1, 0), 1, lambda _: next(hand)) == expected


def test_a_hand_slips_as_often_as_it_is_said_to_and_then_to_another_digit() -> None:
    copy = steps.slipping(random.Random(0), 0.25)
    written = [copy(2) for _ in range(4000)]
    assert sum(digit != 2 for digit in written) / 4000 == pytest.approx(0.25, abs=0.03)
    assert set(written) == {0, 1, 2, 3}
    assert all(steps.slipping(random.Random(0), 0.0)(digit) == digit for digit in range(steps.BASE))


def test_step_sizes_all_make_different_numbers_of_steps() -> None:
    # Of 4 operators, 3 a step are two steps, as 2 are; 6 are one, as 4 are.
    assert steps.step_sizes(4) == [1, 2, 4]
    assert steps.step_sizes(8) == [1, 2, 3, 4]
    assert steps.step_sizes(12) == [1, 2, 3, 4, 6]


def test_splits_share_no_problem_and_hold_what_was_asked() -> None:
    train, test = (steps.problems(split, 90, operators=(4,)) for split in ("train", "test"))
    assert len({row["problem"] for row in train}) == 90
    assert not {row["problem"] for row in train} & {row["problem"] for row in test}
    assert {row["difficulty"] for row in train} == {4}
    assert all(str(row["problem"]).endswith("=? (3)") for row in steps.problems("test", 5, per_step=3))


def test_too_many_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="n must lie in"):
        steps.problems(n=10_001)
    # 4^5 problems of four operators, a tenth of them in the test split.
    with pytest.raises(ValueError, match=r"the test split has about \d\d\d? problems"):
        steps.problems("test", 1000, operators=(4,))


def test_answers_agree_by_chance_as_often_as_it_is_said() -> None:
    # Of 16 pairs of digits below 4, 4 have the distance 0, 6 have 1, 4 have 2 and 2 have 3.
    assert steps.chance(1) == pytest.approx((4**2 + 6**2 + 4**2 + 2**2) / 16**2)
    rng = random.Random(0)
    pairs = [(steps.answer(steps.draw(rng, (6,))), steps.answer(steps.draw(rng, (6,)))) for _ in range(20_000)]
    assert sum(one == other for one, other in pairs) / 20_000 == pytest.approx(steps.chance(6), abs=0.01)
