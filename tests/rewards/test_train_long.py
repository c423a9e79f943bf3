from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History, Rollout
from rewards.length.train_long import Band, Triangular

GOOD = "<think>one and one</think> <answer>2</answer>"
BOTH = [Triangular, Band]


@pytest.mark.parametrize(
    ("length", "triangular", "band"),  # R = 0.6 c + 0.3 R_len at B = 100, no tags in the text; below, c = 1
    [
        (0, 0.6, 0.9),  # 0/100 = 0;  band: flat 1
        (50, 0.75, 0.9),  # 50/100 = 0.5: 0.6 + 0.15
        (100, 0.9, 0.9),  # 100/100 = 1: 0.6 + 0.3
        (101, 0.897, 0.897),  # 1 - 1/100 = 0.99: 0.6 + 0.297
        (150, 0.75, 0.75),  # 1 - 50/100 = 0.5
        (199, 0.603, 0.603),  # 1 - 99/100 = 0.01
        (200, 0.6, 0.6),  # 1 - 100/100 = 0
        (201, 0.6, 0.6),  # beyond 2B: 0, not negative
        (10_000, 0.6, 0.6),
    ],
)
def test_reward_follows_the_shape_and_is_not_gated_by_correctness(length: int, triangular: float, band: float) -> None:
    pair = group(rollout(length, 1, budget=100), rollout(length, 0, budget=100), rollout(length, None, budget=100))
    assert Triangular()(pair, History()) == pytest.approx([triangular, triangular - 0.6, None])
    assert Band()(pair, History()) == pytest.approx([band, band - 0.6, None])


@pytest.mark.parametrize(
    ("options", "text", "expected"),  # a correct rollout of 50 tokens, B = 100: triangular R_len = R_max / 2
    [
        ({"lambda_correct": 0.3, "lambda_length": 0.6}, "", 0.6),  # 0.3 + 0.6 * 0.5
        ({}, GOOD, 0.85),  # 0.6 + 0.15 + 0.1 * (0.5 + 0.5)
        ({}, "<think>one</think> 2", 0.8),  # 0.6 + 0.15 + 0.1 * 0.5
        ({"lambda_format": 0.0}, GOOD, 0.75),
        ({"r_correct": 2.0}, "", 1.35),  # 0.6 * 2 + 0.15
        ({"r_max": 2.0}, "", 0.9),  # 0.6 + 0.3 * 2 * 0.5
        ({"target": 25}, "", 0.6),  # L = 2B of the fixed target: R_len = 0
        ({"target": 50}, "", 0.9),  # L = B of the fixed target
        ({"target": 200}, "", 0.675),  # 50/200 = 0.25: 0.6 + 0.075
    ],
)
def test_the_parts_are_weighed_and_added(options: dict[str, Any], text: str, expected: float) -> None:
    one = group(rollout(50, 1, text=text, budget=100))
    assert Triangular(**options)(one, History()) == [pytest.approx(expected)]


def test_groups_all_right_all_wrong_with_one_right_and_of_equal_lengths() -> None:
    def values(*correct: int) -> list[float | None]:
        return Triangular()(group(*(rollout(100, c, budget=100) for c in correct)), History())

    assert values(1, 1, 1) == pytest.approx([0.9, 0.9, 0.9])  # 0.6 + 0.3
    assert values(0, 0, 0) == pytest.approx([0.3, 0.3, 0.3])
    assert values(0, 1, 0) == pytest.approx([0.3, 0.9, 0.3])


@pytest.mark.parametrize("reward", BOTH)
def test_a_wrong_answer_on_budget_can_beat_a_correct_one_off_it(reward: Any) -> None:
    pair = group(rollout(100, 0, budget=100), rollout(200, 1, budget=100))
    wrong_on, right_off = reward(lambda_correct=0.3, lambda_length=0.6)(pair, History())
    assert (wrong_on, right_off) == pytest.approx((0.6, 0.3))  # 0.6 * 1 against 0.3 + 0.6 * 0
    wrong_on, right_off = reward(r_max=3.0)(pair, History())
    assert (wrong_on, right_off) == pytest.approx((0.9, 0.6))  # 0.3 * 3 > 0.6 * 1


def test_terms_are_correctness_the_unweighted_shape_and_the_format() -> None:
    some = group(rollout(50, 1, text=GOOD, budget=100), rollout(150, 0, budget=100), rollout(0, 0, budget=100))
    right = {"correct": [1.0, 0.0, 0.0], "format": [1.0, 0.0, 0.0]}
    assert Triangular(r_max=2.0).terms(some, History()) == right | {"length": [0.5, 0.5, 0.0]}
    assert Band(r_max=2.0).terms(some, History()) == right | {"length": [1.0, 0.5, 1.0]}


@pytest.mark.parametrize("reward", BOTH)
def test_a_rollout_nobody_could_judge_has_no_terms(reward: Any) -> None:
    nobody = {"correct": [None], "length": [None], "format": [None]}
    assert reward().terms(group(rollout(50, None, text=GOOD, budget=100)), History()) == nobody


@pytest.mark.parametrize("reward", BOTH)
def test_an_empty_group_gets_an_empty_answer(reward: Any) -> None:
    assert reward()(group(), History()) == []


@pytest.mark.parametrize("reward", BOTH)
def test_a_rollout_without_a_budget_needs_a_fixed_target(reward: Any) -> None:
    loose = group(replace(rollout(100, 1), budget=None))
    with pytest.raises(ValueError, match="budget"):
        reward()(loose, History())
    assert reward(target=100)(loose, History()) == [pytest.approx(0.9)]  # 0.6 + 0.3


@pytest.mark.parametrize("reward", BOTH)
@pytest.mark.parametrize("name", ["target", "lambda_correct", "lambda_length", "lambda_format", "r_correct", "r_max"])
def test_negative_options_are_refused(reward: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"{reward.name}: {name}"):
        reward(**{name: -1})


@pytest.mark.parametrize("reward", BOTH)
def test_a_target_of_no_tokens_is_refused(reward: Any) -> None:
    with pytest.raises(ValueError, match=f"{reward.name}: target"):
        reward(target=0)


def naive(r: Rollout, band: bool, lc: float, ll: float) -> float | None:
    if r.raw_reward is None:
        return None
    assert r.budget is not None
    if r.length <= r.budget:
        shape = 1.0 if band else r.length / r.budget
    elif r.length <= 2 * r.budget:
        shape = 1 - (r.length - r.budget) / r.budget
    else:
        shape = 0.0
    return lc * r.raw_reward + ll * shape + 0.1 * (1.0 if r.text == GOOD else 0.0)


lengths = st.integers(0, 2000)
drawn = st.builds(
    rollout, lengths, st.sampled_from([0, 1, None]), text=st.sampled_from(["", GOOD]), budget=st.integers(1, 1000)
)


@given(st.lists(drawn, max_size=8), st.sampled_from([(0.6, 0.3), (0.3, 0.6)]))
def test_rewards_equal_a_naive_reference_whoever_else_is_in_the_group(
    rollouts: list[Rollout], weights: tuple[float, float]
) -> None:
    lc, ll = weights
    for reward, band in ((Triangular(None, lc, ll), False), (Band(None, lc, ll), True)):
        assert reward(group(*rollouts), History()) == pytest.approx([naive(r, band, lc, ll) for r in rollouts])


@given(lengths, st.integers(1, 500), st.integers(1, 1000))
def test_band_never_pays_for_length_and_triangular_does_up_to_the_budget(length: int, more: int, budget: int) -> None:
    pair = group(rollout(length, 1, budget=budget), rollout(length + more, 1, budget=budget))
    (short, long), (low, high) = Band().terms(pair, History())["length"], Triangular().terms(pair, History())["length"]
    assert short >= long  # type: ignore[operator]
    assert low < high if length + more <= budget else length < budget or low >= high  # type: ignore[operator]


@given(lengths, lengths, st.integers(1, 1000))
def test_by_the_default_weights_right_beats_wrong(right: int, wrong: int, budget: int) -> None:
    for reward in (Triangular(), Band()):
        values = reward(group(rollout(right, 1, budget=budget), rollout(wrong, 0, budget=budget)), History())
        assert values[0] > values[1]  # type: ignore[operator]
