import math
from statistics import stdev

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import rl.credit
from rl.credit.centred import Centred
from rl.credit.dler import Dler
from rl.credit.dler_tokens import DlerTokens
from rl.credit.gdpo import Gdpo
from rl.credit.gfpo import Gfpo
from rl.credit.group import Grpo
from rl.credit.lead import Lead
from rl.credit.none import Unchanged
from rl.plugins import built_in

NAN = math.nan
ONES = torch.ones(8)
ESTIMATORS = {name: make() for name, make in built_in(rl.credit, "__call__").items()}
group, centred, dler, dler_tokens, gdpo, none = Grpo(), Centred(), Dler(), DlerTokens(), Gdpo(), Unchanged()


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


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_none_takes_the_reward_for_the_advantage() -> None:
    assert none(doubles(3.0, -0.5, NAN, 0.0), 2, ONES[:4]).tolist() == [3.0, -0.5, 0.0, 0.0]


def test_gdpo_by_hand() -> None:
    # Columns of one group of 2: (1, 0): mean .5, sample deviation sqrt(.5); (0, 10): mean 5, sqrt(50).
    first, second = 0.5 / (math.sqrt(0.5) + 1e-4), 5 / (math.sqrt(50) + 1e-4)
    total = 1.0 * first - 0.25 * second  # and its negative: sample deviation sqrt(2 total²)
    expected = total / (math.sqrt(2) * total + 1e-4)
    result = gdpo(torch.tensor([[1.0, 0.0], [0.0, 10.0]]), 2, ONES[:2], weights=[1.0, 0.25])
    assert result.tolist() == pytest.approx([expected, -expected], rel=1e-5)


def test_gdpo_wants_a_weight_for_every_reward() -> None:
    with pytest.raises(ValueError, match="gdpo: 1 weights do not fit 2 rewards"):
        gdpo(torch.zeros(4, 2), 2, ONES[:4], weights=[1.0])


def test_gdpo_ignores_a_reward_that_is_constant_in_every_group() -> None:
    varying = doubles(1, 0, 0, 0, 1, 1, 0, 1)
    constant = doubles(0.1, 0.1, 0.1, 0.1, 7, 7, 7, 7)
    both = gdpo(torch.stack([varying, constant], dim=1), 4, ONES, weights=[1.0, 5.0])
    assert both.tolist() == gdpo(varying, 4, ONES, weights=[1.0]).tolist()


reward_grid = st.sampled_from([-1.0, 0.0, 0.1, 0.5, 1.0, 2.0])
two_columns = st.lists(st.tuples(reward_grid, reward_grid), min_size=8, max_size=8)


@given(rows=two_columns, weights=st.tuples(st.floats(0.1, 2), st.floats(0.1, 2)))
def test_gdpo_equals_trls_normalize_then_sum(rows: list[tuple[float, float]], weights: tuple[float, float]) -> None:
    totals = [0.0] * 8
    for k, weight in enumerate(weights):
        for start in (0, 4):
            values = [rows[i][k] for i in range(start, start + 4)]
            for i in range(start, start + 4):
                totals[i] += weight * (rows[i][k] - sum(values) / 4) / (stdev(values) + 1e-4)
    expected = [(total - sum(totals) / 8) / (stdev(totals) + 1e-4) for total in totals]
    result = gdpo(torch.tensor(rows, dtype=torch.float64), 4, ONES, weights=weights)
    assert result.tolist() == pytest.approx(expected, abs=1e-9)


def test_gdpo_leaves_a_reward_nobody_judged_out_of_its_own_column_only() -> None:
    # Group of 3: first column (1, NaN, 0): ±.5 / (sqrt(.5) + 1e-4); second (0, 3, 0): mean 1, variance
    # (1 + 4 + 1)/2 = 3. The middle row has the second reward alone.
    first, unit = 0.5 / (math.sqrt(0.5) + 1e-4), 1 / (math.sqrt(3) + 1e-4)
    totals = [first - unit, 2 * unit, -first - unit]
    expected = [total / (stdev(totals) + 1e-4) for total in totals]
    result = gdpo(torch.tensor([[1.0, 0.0], [NAN, 3.0], [0.0, 0.0]], dtype=torch.float64), 3, ONES[:3])
    assert result.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("by", "lengths", "kept", "low", "high"),
    [
        ("shortest", (10, 20, 30, 40), (0, 1), 0.0, 1.0),  # rewards 1, 0
        ("shortest", (40, 30, 20, 10), (3, 2), 0.5, 2.0),
        ("efficiency", (10, 20, 10, 50), (0, 2), 0.5, 1.0),  # 1/10, 0, .5/10, 2/50 = .04
        ("efficiency", (90, 20, 60, 50), (0, 3), 1.0, 2.0),  # .0111, 0, .0083, .04
    ],
)
def test_gfpo_counts_only_the_k_best(
    by: str, lengths: tuple[int, ...], kept: tuple[int, int], low: float, high: float
) -> None:
    # Two kept: mean ± half their difference; sample deviation = difference / sqrt(2).
    rewards, half = (1.0, 0.0, 0.5, 2.0), (high - low) / 2
    unit = half / ((high - low) / math.sqrt(2) + 1e-4)
    expected = [0.0] * 4
    for row in kept:
        expected[row] = unit if rewards[row] == high else -unit
    assert Gfpo(k=2, by=by)(doubles(*rewards), 4, doubles(*lengths)).tolist() == pytest.approx(expected)  # type: ignore[arg-type]


def test_gfpo_may_keep_another_number_of_each_group() -> None:
    rewards = doubles(1, 0, 1, 1, 1, 0, 1, 1)
    result = Gfpo(k=[1, 2])(rewards, 4, doubles(1, 2, 3, 4, 1, 2, 3, 4))
    unit = 0.5 / (math.sqrt(0.5) + 1e-4)
    assert result.tolist() == pytest.approx([0, 0, 0, 0, unit, -unit, 0, 0])  # a single one has no deviation


@given(values=rewards_lists, order=st.permutations(range(8)), k=st.integers(4, 9))
def test_gfpo_that_keeps_everybody_is_group(values: list[float], order: list[int], k: int) -> None:
    rewards = doubles(*values)
    for by in ("shortest", "efficiency"):
        assert torch.equal(Gfpo(k=k, by=by)(rewards, 4, doubles(*order)), group(rewards, 4, ONES))  # type: ignore[arg-type]


def test_gfpo_does_not_spend_a_place_on_a_rollout_nobody_judged() -> None:
    result = Gfpo(k=2)(doubles(NAN, 1, 0, 1), 4, doubles(1, 2, 3, 4))
    unit = 0.5 / (math.sqrt(0.5) + 1e-4)
    assert result.tolist() == pytest.approx([0, unit, -unit, 0])


@pytest.mark.parametrize("options", [{"k": 0}, {"k": [2]}, {"k": [2, 0]}, {"by": "longest"}])
def test_gfpo_refuses_what_it_cannot_keep(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="gfpo: "):
        Gfpo(**options)(doubles(1, 0, 1, 0), 2, ONES[:4])  # type: ignore[arg-type]


def test_lead_weighs_by_how_hard_the_problem_proves() -> None:
    # One solved of 4: rho .25; mean -.5, deviations 1.5 and -.5, sample variance (2.25 + .75)/3 = 1.
    # w(.25) = .4 + 1.1/(1 + exp(10 * -.5)); wrong ones: w(1 - .25 = .75) = .4 + 1.1/2 = .95.
    hard = 1.5 / 1.0001 * (0.4 + 1.1 / (1 + math.exp(-5)))
    wrong = -0.5 / 1.0001 * 0.95
    # Three of 4: mean .5; w(.75) = .95 for the solved, w(.25) for the wrong one.
    assert Lead()(doubles(1, -1, -1, -1, 1, 1, 1, -1), 4, ONES).tolist() == pytest.approx(
        [hard, wrong, wrong, wrong, -wrong, -wrong, -wrong, -hard]
    )


@given(values=rewards_lists, a=st.floats(0, 1), b=st.floats(1, 2), rho=st.floats(0, 1), k=st.floats(0, 20))
def test_lead_equals_its_formula(values: list[float], a: float, b: float, rho: float, k: float) -> None:
    def w(share: float) -> float:
        return a + (b - a) / (1 + math.exp(k * (share - rho)))

    plain = group(doubles(*values), 4, ONES).tolist()
    expected = []
    for i, advantage in enumerate(plain):
        members = values[i // 4 * 4 : i // 4 * 4 + 4]
        solved = sum(value > 0 for value in members) / 4
        expected.append(advantage * w(solved if advantage > 0 else 1 - solved))
    assert Lead(a, b, rho, k)(doubles(*values), 4, ONES).tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["gdpo", "gfpo", "lead"])
@given(values=rewards_lists)
def test_further_estimators_give_groups_of_equals_exactly_zero(name: str, values: list[float]) -> None:
    result = ESTIMATORS[name](torch.tensor([*values, 0.1, 0.1, 0.1, 0.1]), 4, torch.ones(12))
    assert result[8:].tolist() == [0.0] * 4


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_empty_batch_and_groups_of_one_are_no_trouble(name: str) -> None:
    estimate = ESTIMATORS[name]
    assert estimate(torch.zeros(0), 4, torch.zeros(0)).tolist() == []
    alone = estimate(torch.tensor([1.0, 0.0, NAN]), 1, ONES[:3]).tolist()
    assert alone == ([1.0, 0.0, 0.0] if name == "none" else [0.0] * 3)
