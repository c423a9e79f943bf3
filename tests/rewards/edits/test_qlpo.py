import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History, Rollout
from rewards.edits import Edit, Keep, Resizing
from rewards.edits.qlpo import Qlpo

Cells = list[tuple[int, int | None]]


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct) for length, correct in cells))


def kept(cells: Cells, size: int, seed: int = 0) -> list[Rollout]:
    drawn = of(cells)
    plan = Qlpo().plan(drawn, History(), size, seed)
    places = [change.rollout for change in plan]
    assert all(isinstance(change, Keep) and change.trains for change in plan)
    assert places == sorted(set(places)), "each once, in the order in which they were drawn"
    return [drawn.rollouts[place] for place in places]


def quadrants(cells: Cells, size: int) -> tuple[int, int, int, int]:
    """Short right, long right, long wrong, short wrong; right lengths are even, wrong ones odd, half of each below 1000."""
    found = kept(cells, size)
    right, wrong = ([r.length for r in found if r.raw_reward == c] for c in (1.0, 0.0))
    short = sum(n < 1000 for n in right), sum(n < 1000 for n in wrong)
    return short[0], len(right) - short[0], len(wrong) - short[1], short[1]


def halves(right: int, wrong: int) -> Cells:
    cells: Cells = []
    for count, correct in ((right, 1), (wrong, 0)):
        short = (count + 1) // 2
        cells += [(100 + i if i < short else 2000 + i, correct) for i in range(count)]
    random.Random(0).shuffle(cells)
    return cells


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        (10, (4, 1, 3, 0)),  # N+ = round(8 · 10/16) = 5: ceil(5/1.333) = 4 short; N- = 3: ceil(2.25) = 3 long
        (6, (3, 0, 4, 1)),  # N+ = 3: ceil(2.25) = 3; N- = 5: ceil(3.75) = 4
        (16, (6, 2, 0, 0)),  # all right: ceil(8/1.333) = 6
        (0, (0, 0, 6, 2)),
        (1, (1, 0, 6, 1)),  # round(.5) = 0 would silence the group: one at least; of 7 wrong ones ceil(5.25) = 6
        (15, (6, 1, 0, 1)),  # 15 right: round(7.5) = 8 leaves no wrong one: 7; the one wrong rollout is its short half
    ],
)
def test_of_sixteen_eight_are_kept_by_kind_and_half(right: int, expected: tuple[int, ...]) -> None:
    assert quadrants(halves(right, 16 - right), 8) == expected


def test_a_half_that_has_too_few_is_filled_from_the_other_one() -> None:
    # 2 of 4: N+ = 2, both of the two right ones; ceil(2/1.333) = 2 short wanted, one is there.
    assert [r.length for r in kept([(10, 1), (20, 1)], 2)] == [10, 20]


def test_twice_as_many_are_drawn_as_train() -> None:
    edit = Qlpo()
    assert isinstance(edit, Edit)
    assert isinstance(edit, Resizing)
    assert edit.sampled(8) == 16


def test_the_choice_within_a_half_is_the_seeds() -> None:
    cells: Cells = [(n, 1) for n in range(16)]
    once = [tuple(r.length for r in kept(cells, 8, seed)) for seed in range(20)]
    assert once == [tuple(r.length for r in kept(cells, 8, seed)) for seed in range(20)]
    assert len(set(once)) > 10
    seen = [n for lengths in once for n in lengths]
    assert set(seen) == set(range(16))


def test_the_paper_leaves_no_choice_below_nothing() -> None:
    with pytest.raises(ValueError, match="qlpo: a"):
        Qlpo(a=-0.1)


@given(
    st.lists(st.tuples(st.integers(1, 99), st.sampled_from([0, 1, None])), min_size=2, max_size=16),
    st.integers(0, 9),
    st.data(),
)
def test_as_many_as_train_are_kept_each_kind_that_was_drawn_among_them(
    cells: Cells, seed: int, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(cells)))
    found = kept(cells, size, seed)
    assert len(found) == size
    judged = sum(correct is not None for _, correct in cells)
    assert sum(r.raw_reward is not None for r in found) == min(size, judged)
    if size >= 2 and judged >= 2:
        assert {r.raw_reward for r in found} - {None} == {float(c) for _, c in cells if c is not None}
