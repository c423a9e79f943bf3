import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.linear import Linear

Cells = list[tuple[int, int | None]]


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct) for length, correct in cells))


def reward(cells: Cells, w: float = 0.25) -> list[float | None]:
    return Linear(w)(of(cells), History())


@pytest.mark.parametrize(
    ("cells", "expected"),  # c - .25 · accuracy · L / max L
    [
        ([(10, 1), (20, 1), (30, 1)], [1 - 0.25 / 3, 1 - 0.5 / 3, 0.75]),
        ([(30, 1), (60, 0)], [1 - 0.0625, -0.125]),  # accuracy 1/2; wrong ones pay, too
        ([(30, 0), (60, 0)], [0.0, 0.0]),
        ([(0, 1), (0, 1)], [1.0, 1.0]),
        ([(10, 1), (999, None), (20, 1)], [0.875, None, 0.75]),  # 999 is not the longest
        ([], []),
    ],
)
def test_tokens_cost_more_the_oftener_the_group_is_right(cells: Cells, expected: list[float | None]) -> None:
    assert reward(cells) == pytest.approx(expected)


def test_centred_three_right_answers_have_the_released_codes_advantages() -> None:
    from rl.credit.centred import Centred

    rewards = torch.tensor(reward([(10, 1), (20, 1), (30, 1)]), dtype=torch.float64)
    # 1 - .0833, 1 - .1667, 1 - .25: mean 1 - .1667
    assert Centred()(rewards, 3, torch.ones(3)).tolist() == pytest.approx([0.0833, 0.0, -0.0833], abs=1e-4)


def test_terms_are_correctness_and_the_unweighted_length_term() -> None:
    terms = Linear(w=0.1).terms(of([(30, 1), (60, 0), (5, None)]), History())
    assert terms == {"correct": [1.0, 0.0, None], "length": [-0.25, -0.5, None]}


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="linear: w"):
        Linear(-1)


@given(st.lists(st.sampled_from([0, 1]), min_size=1, max_size=8), st.integers(1, 99))
def test_equal_lengths_are_plain_grpo(right: list[int], length: int) -> None:
    values = reward([(length, c) for c in right])
    costs = {round(c - v, 9) for c, v in zip(right, values, strict=True) if v is not None}
    assert len(costs) == 1


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from([0, 1])), min_size=1, max_size=8))
def test_nobody_pays_more_than_the_weight_and_right_stays_above_wrong(cells: Cells) -> None:
    values = [v for v in reward(cells) if v is not None]
    for (_, correct), value in zip(cells, values, strict=True):
        assert correct - 0.25 - 1e-9 <= value <= correct  # type: ignore[operator]
