"""Estimators that look at lengths among right, better or shorter rollouts, and MaxRL."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rl.credit.canon import Canon
from rl.credit.centred import Centred
from rl.credit.ddca import Ddca
from rl.credit.drpo_weights import DrpoWeights
from rl.credit.group import Grpo
from rl.credit.maxrl import MaxRl
from rl.credit.qglas import Qglas

NAN = math.nan


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


right_or_wrong = st.lists(st.sampled_from([0.0, 1.0]), min_size=8, max_size=8)
some_lengths = st.lists(st.integers(1, 9999), min_size=8, max_size=8)


# DDCA ------------------------------------------------------------------------------------------


def test_ddca_compares_lengths_among_right_rollouts() -> None:
    # Rewards: mean 3/4, deviation sqrt(3)/4: 1/sqrt(3) = .5774 and -sqrt(3). Lengths 100, 200, 300: z = ∓1.2247, 0;
    # s = .2271, .5, .7729, mean .5; A_len = -3/4 · (s - .5): .2047, 0, -.2047; times .2: ± .0409.
    result = Ddca()(doubles(1, 1, 1, 0), 4, doubles(100, 200, 300, 7))
    assert result.tolist() == pytest.approx([0.6183, 0.5774, 0.5364, -1.7321], abs=1e-4)


def test_ddca_by_leave_one_out_compares_with_the_others() -> None:
    # 1 - 2/3 and 0 - 1; A_len = -3/4 · (s - mean of the other two's) = 3/2 of the above: .3070
    result = Ddca(beta=1.0, form="rloo")(doubles(1, 1, 1, 0), 4, doubles(100, 200, 300, 7))
    s = sigmoid(-math.sqrt(1.5))
    assert result.tolist() == pytest.approx([1 / 3 + 1.125 * (0.5 - s), 1 / 3, 1 / 3 - 1.125 * (0.5 - s), -1.0])
    alone = Ddca(beta=1.0, form="rloo")(doubles(1, 0, 0, 0), 4, doubles(1, 2, 3, 4))
    assert alone.tolist() == pytest.approx([1.0, -1 / 3, -1 / 3, -1 / 3])  # one right: no length


@given(right_or_wrong, some_lengths)
def test_ddcas_lengths_sum_to_nothing_and_leave_wrong_rollouts_alone(rewards: list[float], lengths: list[int]) -> None:
    plain, shaped = (Ddca(beta)(doubles(*rewards), 4, doubles(*lengths)) for beta in (0.0, 0.2))
    added = shaped - plain
    assert added.view(2, 4).sum(dim=1).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert added[doubles(*rewards) == 0].abs().sum() == 0
    for row in range(2):
        if sum(rewards[4 * row : 4 * row + 4]) == 4:  # all right: nothing but length
            assert plain[4 * row : 4 * row + 4].tolist() == [0.0] * 4


# QGLAS -----------------------------------------------------------------------------------------


def test_qglas_adds_to_better_rollouts_that_are_shorter_than_the_better_ones_mean() -> None:
    # A = .3, .2, -.2, -.3; P is the first two, L_ref 800, h = (200/800)/.5 = .5 and 0. Quartile of .3, .4, .8, .9: .375;
    # s_all = .525, s+ = .1; .3 + .3 · (1 - .1/.525) = .5429; lambda = .525 · .5429 = .285.
    rewards, lengths = doubles(0.9, 0.8, 0.4, 0.3), doubles(600, 1000, 500, 900)
    assert Qglas(normalise=False)(rewards, 4, lengths).tolist() == pytest.approx([0.4425, 0.2, -0.2, -0.3])
    deviation = math.sqrt((0.09 + 0.04 + 0.04 + 0.09) / 3) + 1e-4
    expected = [value / deviation for value in (0.4425, 0.2, -0.2, -0.3)]
    assert Qglas()(rewards, 4, lengths).tolist() == pytest.approx(expected)


def test_with_two_values_qglas_has_its_highest_weight() -> None:
    # 1, 1, 0, 0: s+ = 0, quartile 0, lambda = .6; L_ref 200, h = (100/200 = .5)/.5 = 1
    result = Qglas(normalise=False)(doubles(1, 1, 0, 0), 4, doubles(100, 300, 1, 1))
    assert result.tolist() == pytest.approx([0.5 + 0.6, 0.5, -0.5, -0.5])


@given(st.lists(st.floats(-2, 2, width=32), min_size=8, max_size=8), some_lengths)
def test_qglas_turns_no_sign_and_takes_nothing(rewards: list[float], lengths: list[int]) -> None:
    plain = Centred()(doubles(*rewards), 4, doubles(*lengths))
    shaped = Qglas(normalise=False)(doubles(*rewards), 4, doubles(*lengths))
    assert torch.equal(shaped.sign(), plain.sign())
    assert (shaped >= plain - 1e-9).all()
    assert torch.equal(shaped[plain <= 0], plain[plain <= 0])


@given(st.lists(st.floats(-2, 2, width=32), min_size=8, max_size=8))
def test_equal_lengths_make_qglas_plain_grpo(rewards: list[float]) -> None:
    result = Qglas()(doubles(*rewards), 4, doubles(*[7] * 8))
    assert result.tolist() == pytest.approx(Grpo()(doubles(*rewards), 4, torch.ones(8)).tolist(), abs=1e-9)


# CANON -----------------------------------------------------------------------------------------


def test_canon_compares_each_half_with_the_other_one() -> None:
    # Short: 1, 0 (mean .5); long: 0, 0 (mean 0). mu 1: 1 - 0, 0 - 0; 0 - .5 twice.
    rewards, lengths = doubles(1, 0, 0, 0), doubles(1, 4, 2, 3)
    assert Canon()(rewards, 4, lengths).tolist() == pytest.approx([1.0, -0.5, 0.0, -0.5])
    # mu 0: within the halves: ± .5; 0 and 0
    assert Canon(mu=0.0)(rewards, 4, lengths).tolist() == pytest.approx([0.5, 0.0, -0.5, 0.0])
    # alpha .5 with all right: 1 - .5 for the short, .5 - 1 for the long
    assert Canon(alpha=0.5)(doubles(1, 1, 1, 1), 4, lengths).tolist() == pytest.approx([0.5, -0.5, 0.5, -0.5])


def test_the_middle_of_an_odd_group_is_in_canons_longer_half() -> None:
    assert Canon()(doubles(1, 0, 1), 3, doubles(10, 20, 30)).tolist() == pytest.approx([0.5, -1.0, 0.0])
    gap = Canon()(doubles(1, NAN, 0, 1), 4, doubles(10, 1, 20, 30))  # nobody judged it: it is in neither half
    assert gap.tolist() == pytest.approx([0.5, 0.0, -1.0, 0.0])


@given(st.lists(st.floats(-2, 2, width=32), min_size=8, max_size=8), some_lengths)
def test_half_and_half_canon_is_centred(rewards: list[float], lengths: list[int]) -> None:
    result = Canon(mu=0.5)(doubles(*rewards), 4, doubles(*lengths))
    assert result.tolist() == pytest.approx(Centred()(doubles(*rewards), 4, torch.ones(8)).tolist(), abs=1e-6)


# MaxRL -----------------------------------------------------------------------------------------


def test_maxrl_divides_by_the_mean() -> None:
    assert MaxRl()(doubles(1, 0, 0, 0), 4, torch.ones(4)).tolist() == [3.0, -1.0, -1.0, -1.0]
    assert MaxRl()(doubles(0, 0, NAN, 0), 4, torch.ones(4)).tolist() == [0.0] * 4
    assert MaxRl()(doubles(1, NAN, 0, 1), 4, torch.ones(4)).tolist() == pytest.approx([0.5, 0.0, -1.0, 0.5])


def test_maxrl_refuses_a_reward_below_nothing() -> None:
    with pytest.raises(ValueError, match="maxrl: a reward below 0"):
        MaxRl()(doubles(1, -1), 2, torch.ones(2))


@given(right_or_wrong)
def test_maxrls_groups_sum_to_nothing(rewards: list[float]) -> None:
    assert MaxRl()(doubles(*rewards), 4, torch.ones(8)).view(2, 4).sum(dim=1).tolist() == pytest.approx([0, 0])


# DRPO's weights --------------------------------------------------------------------------------


def test_drpo_weighs_right_rollouts_by_their_length() -> None:
    # exp(-L/819.2) of 1000, 2000, 4000, over their sum: .7572, .2234, .0194
    rewards, lengths = doubles(1, 1, 1, 0), doubles(1000, 2000, 4000, 1)
    plain = Grpo()(rewards, 4, lengths)
    weights = (DrpoWeights()(rewards, 4, lengths) / plain).tolist()
    assert weights == pytest.approx([3 * 0.7572, 3 * 0.2234, 3 * 0.0194, 1.0], abs=3e-4)


@given(right_or_wrong, some_lengths)
def test_drpos_weights_keep_the_sum_of_right_ones_and_grow_alike(rewards: list[float], lengths: list[int]) -> None:
    plain = Grpo()(doubles(*rewards), 4, doubles(*lengths))
    shaped = DrpoWeights()(doubles(*rewards), 4, doubles(*lengths))
    sums = [values.clamp(min=0).view(2, 4).sum(dim=1).tolist() for values in (plain, shaped)]
    assert sums[0] == pytest.approx(sums[1])
    assert torch.equal(shaped[doubles(*rewards) == 0], plain[doubles(*rewards) == 0])
    alike = DrpoWeights(lambda_=1e9)(doubles(*rewards), 4, doubles(*lengths))
    assert alike.tolist() == pytest.approx(plain.tolist(), abs=1e-5)


# Options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "options", "told"),
    [
        (Ddca, {"beta": -1}, "ddca: beta"),
        (Ddca, {"form": "loo"}, "ddca: form"),
        (Qglas, {"low": 0.7}, "qglas: low and high"),
        (Qglas, {"cap": 0}, "qglas: cap"),
        (Canon, {"mu": 2}, "canon: mu"),
        (Canon, {"alpha": -1}, "canon: alpha"),
        (DrpoWeights, {"lambda_": 0}, "drpo-weights: lambda"),
        (DrpoWeights, {"max_length": 0}, "drpo-weights: max_length"),
    ],
)
def test_options_that_cannot_be_are_refused(make: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make(**options)
