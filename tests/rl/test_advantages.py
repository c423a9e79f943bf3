import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rl.advantages import ESTIMATORS, centred, dler, dler_tokens, group

NAN = math.nan
ONES = torch.ones(8)


def test_group_divides_by_the_sample_deviation_of_the_group() -> None:
    # Group 1: mean 0.5, deviations ±0.5, sample variance 4 * 0.25 / 3 = 1/3.
    expected = 0.5 / (math.sqrt(1 / 3) + 1e-4)
    result = group(torch.tensor([1.0, 0, 1, 0, 1, 1, 1, 1]), 4, ONES)
    assert result.tolist() == pytest.approx([expected, -expected, expected, -expected, 0, 0, 0, 0])


def test_centred_divides_by_nothing() -> None:
    result = centred(torch.tensor([1.0, 0, 0, 0, 5, 5, 5, 5]), 4, ONES)
    assert result.tolist() == pytest.approx([0.75, -0.25, -0.25, -0.25, 0, 0, 0, 0])


def test_dler_divides_by_the_population_deviation_of_the_centred_batch() -> None:
    # Centred: .75 -.25 -.25 -.25 | .5 .5 -.5 -.5; mean 0; squares .5625 + 3 * .0625 + 4 * .25 = 1.75;
    # variance 1.75 / 8 = .21875; deviation .467707.
    deviation = math.sqrt(1.75 / 8)
    result = dler(torch.tensor([1.0, 0, 0, 0, 1, 1, 0, 0]), 4, ONES)
    assert result.tolist() == pytest.approx(
        [x / deviation for x in (0.75, -0.25, -0.25, -0.25, 0.5, 0.5, -0.5, -0.5)], rel=1e-6
    )


def test_dler_tokens_weights_mean_and_variance_by_length() -> None:
    # Group of 2: centred ±.5, lengths 3 and 1: mean (3 * .5 - 1 * .5)/4 = .25,
    # variance (3 * .25² + 1 * .75²)/4 = .1875.
    result = dler_tokens(torch.tensor([1.0, 0.0]), 2, torch.tensor([3.0, 1.0]))
    assert result.tolist() == pytest.approx([0.25 / math.sqrt(0.1875), -0.75 / math.sqrt(0.1875)])


def test_released_whitening_moves_groups_without_variance_and_the_papers_does_not() -> None:
    rewards = torch.tensor([1.0, 0.0, 1.0, 1.0])
    lengths = torch.tensor([30.0, 10.0, 20.0, 20.0])
    assert dler(rewards, 2, lengths)[2:].tolist() == [0.0, 0.0]
    assert dler_tokens(rewards, 2, lengths)[2:].abs().min() > 0.01


@pytest.mark.parametrize("name", ESTIMATORS)
def test_rows_nobody_judged_are_left_out(name: str) -> None:
    estimate = ESTIMATORS[name]
    with_gap = estimate(torch.tensor([1.0, NAN, 0.0, 0.0, NAN, NAN, NAN, NAN]), 4, ONES)
    without = estimate(torch.tensor([1.0, 0.0, 0.0]), 3, ONES[:3])
    assert with_gap[[0, 2, 3]].tolist() == pytest.approx(without.tolist())
    assert with_gap[[1, 4, 5, 6, 7]].tolist() == [0.0] * 5


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_batch_nobody_judged_gets_zeros(name: str) -> None:
    assert ESTIMATORS[name](torch.full((4,), NAN), 2, ONES[:4]).tolist() == [0.0] * 4


rewards_lists = st.lists(st.floats(-3, 3, width=32), min_size=8, max_size=8)


@pytest.mark.parametrize("name", ["group", "centred", "dler"])
@given(values=rewards_lists)
def test_groups_of_equals_get_exactly_zero_and_every_group_sums_to_zero(name: str, values: list[float]) -> None:
    values = [*values, 0.1, 0.1, 0.1, 0.1]
    result = ESTIMATORS[name](torch.tensor(values), 4, torch.ones(12))
    assert result[8:].tolist() == [0.0] * 4
    assert result.view(3, 4).sum(dim=1).tolist() == pytest.approx([0, 0, 0], abs=1e-3)


@given(values=rewards_lists)
def test_dler_equals_a_naive_whitening(values: list[float]) -> None:
    means = [sum(values[i : i + 4]) / 4 for i in (0, 4)]
    rows = [value - means[i // 4] for i, value in enumerate(values)]
    mean = sum(rows) / 8
    deviation = math.sqrt(sum((row - mean) ** 2 for row in rows) / 8)
    if deviation < 1e-3:
        return
    expected = [(row - mean) / (deviation + 1e-8) for row in rows]
    assert dler(torch.tensor(values), 4, ONES).tolist() == pytest.approx(expected, abs=1e-3)
