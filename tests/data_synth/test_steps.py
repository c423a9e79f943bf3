import math
import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_synth import steps

DIGITS = st.lists(st.integers(0, 4), min_size=2, max_size=25)


def test_a_trace_works_out_so_many_operators_a_step_and_copies_the_rest() -> None:
    assert steps.question((4, 3, 1, 0, 2, 2), 2) == "a4b3c1d0e2f2=? (2)"
    # 4+3+1 = 8, then 8+0+2 = 10, then 10+2 = 12: five operators in steps of two are three steps.
    expected = "<think>\na4b3c1=c8d0e2f2\nc8d0e2=e10f2\ne10f2=f12\n</think>\n\\boxed{12}"
    assert steps.trace((4, 3, 1, 0, 2, 2), 2) == expected


@given(DIGITS, st.integers(1, 9))
def test_every_trace_ends_in_the_answer_after_the_steps_it_was_asked_for(digits: list[int], size: int) -> None:
    text = steps.trace(digits, size)
    taken = steps.steps_of(text)
    assert text.endswith(f"\\boxed{{{sum(digits)}}}")
    assert len(taken) == math.ceil((len(digits) - 1) / size)
    assert sum(taken) == len(digits) - 1
    assert all(operators == size for operators in taken[:-1])


@given(DIGITS, st.integers(1, 9))
def test_every_line_of_a_trace_has_the_sum_of_the_problem(digits: list[int], size: int) -> None:
    for line in steps.trace(digits, size).splitlines()[1:-2]:
        after = line.partition("=")[2]
        assert sum(map(int, re.findall(r"\d+", after))) == sum(digits)


def test_splits_share_no_problem_and_hold_what_was_asked() -> None:
    train, test = (steps.problems(split, 300, operators=(4,)) for split in ("train", "test"))
    assert len({row["problem"] for row in train}) == 300
    assert not {row["problem"] for row in train} & {row["problem"] for row in test}
    assert {row["difficulty"] for row in train} == {4}
    assert all(str(row["problem"]).endswith("=? (3)") for row in steps.problems("test", 5, per_step=3))


def test_too_many_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="n must lie in"):
        steps.problems(n=10_001)
    # 5^5 sums of four operators, a tenth of them in the test split.
    with pytest.raises(ValueError, match=r"the test split has about 3\d\d problems"):
        steps.problems("test", 1000, operators=(4,))


def test_the_most_common_answer_is_as_common_as_it_is_said_to_be() -> None:
    # Two digits of five: of 25 pairs, five have the sum 4.
    assert steps.blind_guess(1) == pytest.approx(5 / 25)
    rng = random.Random(0)
    counts = Counter(sum(steps.draw(rng, (6,))) for _ in range(20_000))
    assert counts.most_common(1)[0][1] / 20_000 == pytest.approx(steps.blind_guess(6), abs=0.01)
