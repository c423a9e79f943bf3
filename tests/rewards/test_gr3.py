import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.gr3 import Gr3

Cells = list[tuple[int, int | None]]


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct) for length, correct in cells))


def reward(cells: Cells, alpha: float = 0.3) -> list[float | None]:
    return Gr3(alpha)(of(cells), History())


@pytest.mark.parametrize(
    ("cells", "expected"),  # c / (1 + 0.3 L / mean L)
    [
        ([(100, 1), (200, 1), (300, 1)], [1 / 1.15, 1 / 1.3, 1 / 1.45]),  # mean 200: .8696, .7692, .6897
        ([(100, 1), (300, 0)], [1 / 1.15, 0.0]),  # a wrong one counts into the mean, and earns nothing
        ([(100, 0), (300, 0)], [0.0, 0.0]),
        ([(7, 1), (7, 1)], [1 / 1.3, 1 / 1.3]),
        ([(0, 1), (0, 1)], [1.0, 1.0]),  # mean 0: nothing to compare with
        ([(100, 1), (9000, None), (300, 1)], [1 / 1.15, None, 1 / 1.45]),  # 9000 is not in the mean
        ([], []),
        ([(5, None)], [None]),
    ],
)
def test_a_right_answer_is_worth_less_the_longer_it_is_than_the_mean(
    cells: Cells, expected: list[float | None]
) -> None:
    assert reward(cells) == pytest.approx(expected)


def test_terms_are_correctness_and_the_length_over_the_mean() -> None:
    terms = Gr3().terms(of([(100, 1), (300, 0), (9, None)]), History())
    assert terms == {"correct": [1.0, 0.0, None], "length": [-0.5, -1.5, None]}


def test_no_group_of_right_answers_of_unequal_lengths_meets_the_papers_check_and_a_mixed_one_does() -> None:
    all_right = [0.0 if v is None else v for v in reward([(100, 1), (200, 1), (300, 1)])]
    assert sum(all_right) / 3 > 1 / 1.3  # .7692 < .7762
    mixed = [0.0 if v is None else v for v in reward([(100, 1), (200, 1), (300, 0)])]
    assert sum(mixed) / 3 <= 1 / 1.3  # .7692 >= (.8696 + .7692) / 3


@pytest.mark.parametrize("alpha", [-0.1, float("nan")])
def test_a_negative_weight_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="gr3: alpha"):
        Gr3(alpha)


drawn = st.lists(st.tuples(st.integers(1, 10_000), st.sampled_from([0, 1, None])), max_size=8)


@given(drawn)
def test_right_ones_lie_between_0_and_1_and_the_longer_earns_less(cells: Cells) -> None:
    paid = [(n, v) for (n, c), v in zip(cells, reward(cells), strict=True) if c == 1 and v is not None]
    assert all(0 < value < 1 for _, value in paid)
    assert [n for n, _ in sorted(paid, key=lambda pair: -pair[1])] == sorted(n for n, _ in paid)


@given(drawn, st.integers(1, 5))
def test_only_lengths_relative_to_the_mean_count(cells: Cells, factor: int) -> None:
    assert reward([(factor * n, c) for n, c in cells]) == pytest.approx(reward(cells))
