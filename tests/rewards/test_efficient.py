import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.efficient import Efficient

Cells = list[tuple[int, int | None]]
S1 = 0.7310585786300049  # sigmoid(1) = 1 / (1 + e^-1)
S2 = 0.8807970779778823  # sigmoid(2)
SHALF = 0.6224593312018546  # sigmoid(1/2)


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct) for length, correct in cells))


def reward(cells: Cells, alpha: float = 0.1) -> list[float | None]:
    return Efficient(alpha)(of(cells), History())


@pytest.mark.parametrize(
    ("cells", "expected"),  # c (1 - 0.1 sigmoid((L - mean) / std)), mean and std over the correct ones
    [
        ([(100, 1), (300, 1)], [0.9 + 0.1 * S1, 1 - 0.1 * S1]),  # mean 200, std 100: z = -1, 1; sigmoid(-1) = 1 - S1
        ([(1000, 1), (2000, 1)], [0.9 + 0.1 * S1, 1 - 0.1 * S1]),  # target and twice the target: mean 1500, std 500
        ([(1000, 1), (1001, 1)], [0.9 + 0.1 * S1, 1 - 0.1 * S1]),  # mean 1000.5, std 0.5
        ([(0, 1), (10_000, 1)], [0.9 + 0.1 * S1, 1 - 0.1 * S1]),  # nothing and the cap: mean 5000, std 5000
        # four of 0 and one of 100: mean 20, std sqrt((4 * 400 + 6400) / 5) = 40: z = -1/2, 2
        ([(0, 1)] * 4 + [(100, 1)], [0.9 + 0.1 * SHALF] * 4 + [1 - 0.1 * S2]),
        ([(100, 1), (9000, 0), (300, 1), (0, 0)], [0.9 + 0.1 * S1, 0.0, 1 - 0.1 * S1, 0.0]),  # wrong: 0, in no mean
        ([(100, 1), (9000, None), (300, 1)], [0.9 + 0.1 * S1, None, 1 - 0.1 * S1]),
        ([(5, 0), (9000, 0)], [0.0, 0.0]),  # all wrong
        ([(500, 1), (9, 0), (9000, 0)], [0.95, 0.0, 0.0]),  # one correct: sigmoid = 1/2, not the full penalty
        ([(500, 1), (500, 1), (9, 0)], [0.95, 0.95, 0.0]),  # equal lengths: z = 0
        ([(500, 1)], [0.95]),  # G = 1
        ([(500, 0)], [0.0]),
        ([(0, 1)], [0.95]),
        ([], []),
        ([(500, None)], [None]),
        ([(500, 0), (9, None)], [0.0, None]),
    ],
)
def test_reward_falls_with_length_beside_the_other_correct_ones(cells: Cells, expected: list[float | None]) -> None:
    assert reward(cells) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_alpha_is_the_most_that_length_can_cost(alpha: float) -> None:
    assert reward([(100, 1), (300, 1), (5, 0)], alpha) == pytest.approx([1 - alpha * (1 - S1), 1 - alpha * S1, 0.0])


def test_terms_are_correctness_and_the_unweighted_length_term() -> None:
    terms = Efficient(alpha=0.4).terms(of([(100, 1), (300, 1), (5, 0), (7, None)]), History())
    assert terms["correct"] == [1.0, 1.0, 0.0, None]
    assert terms["length"] == pytest.approx([S1 - 1, -S1, 0.0, None])  # -sigmoid(-1), -sigmoid(1)


@pytest.mark.parametrize("cells", [[(100, 0), (300, 0), (7, None)], [(100, 0), (7, None), (300, 0)]])
def test_terms_of_a_group_all_wrong_are_0(cells: Cells) -> None:
    unjudged = [None if correct is None else 0.0 for _, correct in cells]
    assert Efficient().terms(of(cells), History()) == {"correct": unjudged, "length": unjudged}


@pytest.mark.parametrize("alpha", [-0.1, 1.0, 2.0, float("nan")])
def test_an_alpha_outside_0_to_1_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="efficient: alpha"):
        Efficient(alpha=alpha)


def naive(cells: Cells, alpha: float) -> list[float | None]:
    count, total = 0, 0
    for length, correct in cells:
        if correct == 1:
            count, total = count + 1, total + length
    squares = 0.0
    for length, correct in cells:
        if correct == 1:
            squares += (length - total / count) ** 2
    answer: list[float | None] = []
    for length, correct in cells:
        if correct is None:
            answer.append(None)
        elif correct == 0:
            answer.append(0.0)
        elif squares < 1e-9:  # lengths are whole: the smallest real spread is 1/2
            answer.append(1 - alpha / 2)
        else:
            z = (length - total / count) / math.sqrt(squares / count)
            answer.append(1 - alpha * (0.5 + 0.5 * math.tanh(z / 2)))  # sigmoid(z) = (1 + tanh(z/2)) / 2
    return answer


drawn = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1, 1, None])), max_size=8)


@given(drawn, st.sampled_from([0.05, 0.1, 0.2, 0.4]))
def test_reward_equals_a_naive_reference(cells: Cells, alpha: float) -> None:
    assert reward(cells, alpha) == pytest.approx(naive(cells, alpha))


@given(drawn)
def test_right_is_within_alpha_of_one_and_wrong_is_0(cells: Cells) -> None:
    for (_, correct), value in zip(cells, reward(cells, 0.4), strict=True):
        assert (value is None) == (correct is None)
        assert value is None or (0.6 < value < 1.0 if correct else value == 0.0)


@given(drawn)
def test_of_two_correct_ones_the_shorter_earns_more(cells: Cells) -> None:
    paid = sorted((n, v) for (n, c), v in zip(cells, reward(cells), strict=True) if c == 1 and v is not None)
    for (short, more), (long, less) in pairwise(paid):
        assert more > less if short < long else more == less


@given(drawn, st.data())
def test_reordering_the_group_reorders_the_rewards(cells: Cells, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(cells))))
    values = reward(cells)
    assert reward([cells[i] for i in order]) == pytest.approx([values[i] for i in order])


@given(drawn, st.integers(0, 20_000), st.sampled_from([0, None]))
def test_one_more_wrong_or_unjudged_rollout_changes_nobodys_reward(
    cells: Cells, length: int, correct: int | None
) -> None:
    assert reward([*cells, (length, correct)]) == [*reward(cells), None if correct is None else 0.0]


@given(drawn, st.integers(1, 5), st.integers(0, 1000))
def test_only_the_standardised_length_counts(cells: Cells, factor: int, offset: int) -> None:
    assert reward([(factor * n + offset, c) for n, c in cells]) == pytest.approx(reward(cells))
