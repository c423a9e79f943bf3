import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.grpo_lambda import GrpoLambda

Cells = list[tuple[int, int | None]]


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct) for length, correct in cells))


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


EASY: Cells = [(100, 1), (300, 1)]
"""Right lengths 100 and 300: z = -1 and 1 by the population's deviation of 100."""
HARD: Cells = [(100, 1), (900, 0)]
PAYS = [1 - 0.2 * sigmoid(-1), 1 - 0.2 * sigmoid(1)]  # .9462, .8538


def test_only_the_easiest_fifth_of_the_batch_pays_for_length() -> None:
    groups = [HARD, HARD, EASY, HARD, EASY]
    values = GrpoLambda().batch([of(cells) for cells in groups], History())
    assert values == [[1.0, 0.0], [1.0, 0.0], pytest.approx(PAYS), [1.0, 0.0], [1.0, 1.0]]  # the first of equals


def test_wrong_answers_never_pay() -> None:
    (values,) = GrpoLambda(share=1.0).batch([of([*EASY, (9999, 0), (7, None)])], History())
    assert values == pytest.approx([*PAYS, 0.0, None])


def test_of_fewer_than_five_groups_none_is_a_fifth() -> None:
    assert GrpoLambda()(of(EASY), History()) == [1.0, 1.0]
    assert GrpoLambda().batch([], History()) == []


@pytest.mark.parametrize("options", [{"alpha": 1.0}, {"alpha": -0.1}, {"share": 1.1}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="grpo-lambda: "):
        GrpoLambda(**options)


cells_drawn = st.lists(st.tuples(st.integers(1, 999), st.sampled_from([0, 1, None])), min_size=1, max_size=4)


@given(st.lists(cells_drawn, max_size=8), st.floats(0, 1))
def test_no_paying_group_is_harder_than_one_that_does_not_pay(batch: list[Cells], share: float) -> None:
    groups = [of(cells) for cells in batch]
    values = GrpoLambda(share=share).batch(groups, History())
    paid = [any(v not in (None, 0.0, 1.0) for v in own) for own in values]
    assert sum(paid) <= share * len(groups)
    rates = [each.accuracy() or 0.0 for each in groups]
    charged = [rate for rate, pays in zip(rates, paid, strict=True) if pays]
    free = [rate for rate, pays in zip(rates, paid, strict=True) if not pays and rate > 0]
    assert not charged or not free or min(charged) >= min(free)
    assert sum(paid) == min(int(share * len(groups)), sum(rate > 0 for rate in rates))
