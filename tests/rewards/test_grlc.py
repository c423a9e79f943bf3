from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.grlc import Grlc

Cells = list[tuple[int, int, int | None]]
"""Tokens of thinking and of the answer, and whether it is right."""


def of(cells: Cells) -> Group:
    return group(*(replace(rollout(t + a, correct), thinking=t) for t, a, correct in cells))


def reward(cells: Cells, **options: float) -> list[float | None]:
    return Grlc(**options)(of(cells), History())  # type: ignore[arg-type]


WORKED: Cells = [(100, 50, 1), (200, 50, 1), (400, 100, 0)]


def test_the_parts_by_hand() -> None:
    # Thinking: 1, 2/3, 0, mean 5/9: 4/9, 1/9, -5/9. Answer: 1, 1, 0, mean 2/3: 1/3, 1/3, -2/3.
    terms = Grlc().terms(of(WORKED), History())
    assert terms["thinking"] == pytest.approx([4 / 9, 1 / 9, -5 / 9])
    assert terms["answer"] == pytest.approx([1 / 3, 1 / 3, -2 / 3])
    # 1 + 2/9 + 1/6 = 1.3889; 1 + 1/18 + 1/6 = 1.2222; 0 - 5/18 - 1/3 = -.6111
    assert reward(WORKED, bonus=0) == pytest.approx([1.3889, 1.2222, -0.6111], abs=1e-4)


def test_the_first_of_the_shortest_has_each_bonus_if_it_is_among_the_best() -> None:
    # 80th percentile of 1, 1, 0: 1. The first is shortest in both parts: + .5 + .5.
    assert reward(WORKED) == pytest.approx([2.3889, 1.2222, -0.6111], abs=1e-4)
    # Shortest in both is a wrong one, and the 80th percentile of 0, 1, 1 is 1: nobody has a bonus.
    wrong_first: Cells = [(100, 50, 0), (200, 60, 1), (400, 100, 1)]
    assert reward(wrong_first) == reward(wrong_first, bonus=0)
    # Of 0, 0, 0, 0, 1 it is 0 (place .8 · 4 = 3.2: 0 + .2 · 1 = .2): a wrong one is below it still.
    assert Grlc().terms(of([(n, 1, int(n == 5)) for n in (1, 2, 3, 4, 5)]), History())["bonus"] == [0.0] * 5
    # All wrong: the percentile is 0, and the shortest has it.
    assert Grlc().terms(of([(3, 1, 0), (2, 1, 0)]), History())["bonus"] == [0.0, 1.0]


def test_equal_lengths_have_no_part_and_no_bonus() -> None:
    assert reward([(0, 7, 1), (0, 7, 0), (0, 7, 1)]) == [1.0, 0.0, 1.0]


def test_gated_only_right_ones_are_compared_and_an_unfinished_one_earns_nothing() -> None:
    unfinished: Cells = [(100, 50, 1), (300, 100, 1), (900, 0, 0)]
    # Thinking and answer among right ones: 1, 0, mean 1/2: ± 1/2 each; 1 + 1/4 + 1/4 + 1/2 + 1/2 and 1 - 1/2.
    assert reward(unfinished, gated=True) == pytest.approx([2.5, 0.5, 0.0])
    assert Grlc().terms(of(unfinished), History())["answer"][2] > 0  # type: ignore[operator]


def test_one_that_nobody_judged_is_in_nothing() -> None:
    for gated in (False, True):
        gap: Cells = [*WORKED, (1, 1, None)]
        assert reward(gap, gated=gated) == [*reward(WORKED, gated=gated), None]
    assert reward([]) == []
    assert reward([(5, 5, None)]) == [None]


@pytest.mark.parametrize("options", [{"w_thinking": -1}, {"w_answer": -1}, {"bonus": -1}, {"percentile": 1.5}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="grlc: "):
        Grlc(**options)  # type: ignore[arg-type]


cells_drawn = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.sampled_from([0, 1, None])), max_size=8)


@given(cells_drawn, st.booleans())
def test_parts_sum_to_nothing_and_at_most_one_has_each_bonus(cells: Cells, gated: bool) -> None:
    terms = Grlc(gated=gated).terms(of(cells), History())
    for part in ("thinking", "answer"):
        values = [value for value in terms[part] if value is not None]
        assert sum(values) == pytest.approx(0, abs=1e-9)
        assert all(-1 <= value <= 1 for value in values)
    assert sum(value or 0 for value in terms["bonus"]) <= 2
