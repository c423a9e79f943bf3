from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History, Rollout
from rewards.length.l1 import L1Exact, L1Max


@pytest.mark.parametrize(
    ("length", "right"),  # R = c - 0.0003 |1000 - L|
    [
        (0, 0.7),  # 1 - 0.3
        (999, 0.9997),  # 1 - 0.0003
        (1000, 1.0),
        (1001, 0.9997),  # as far above as below
        (2000, 0.7),
        (10_000, -1.7),  # 1 - 0.0003 * 9000 = 1 - 2.7: not clipped
    ],
)
def test_exact_pays_for_the_distance_to_the_budget_right_or_wrong(length: int, right: float) -> None:
    some = group(*(rollout(length, c, budget=1000) for c in (1, 0, None)))
    assert L1Exact()(some, History()) == pytest.approx([right, right - 1, None])


@pytest.mark.parametrize(
    ("budget", "length", "paper", "released"),
    # paper: clip(0.0003 (n - L) + 0.5, 0, 1); released: (clip(0.0003 (n - L), -1, 1) + 1) / 2
    [
        (1000, 0, 0.8, 0.65),  # 0.3 + 0.5; (0.3 + 1) / 2
        (1000, 1000, 0.5, 0.5),  # on budget
        (1000, 1001, 0.4997, 0.49985),  # -0.0003 + 0.5; (-0.0003 + 1) / 2
        (1000, 2000, 0.2, 0.35),  # -0.3 + 0.5; (-0.3 + 1) / 2
        (1000, 2666, 0.0002, 0.2501),  # -0.4998 + 0.5; (-0.4998 + 1) / 2
        (1000, 2667, 0.0, 0.24995),  # -0.5001 + 0.5 < 0; (-0.5001 + 1) / 2
        (1000, 10_000, 0.0, 0.0),  # -2.7 + 0.5 < 0; (-1 + 1) / 2
        (4000, 0, 1.0, 1.0),  # 1.2 + 0.5 > 1; (1 + 1) / 2
        (4000, 2000, 1.0, 0.8),  # 0.6 + 0.5 > 1; (0.6 + 1) / 2
        (4000, 4000, 0.5, 0.5),
        (4000, 8000, 0.0, 0.0),  # -1.2 + 0.5 < 0; (-1 + 1) / 2
    ],
)
def test_max_pays_correct_answers_by_a_soft_edge(budget: int, length: int, paper: float, released: float) -> None:
    some = group(*(rollout(length, c, budget=budget) for c in (1, 0, None)))
    assert L1Max()(some, History()) == pytest.approx([paper, 0.0, None])
    assert L1Max(slope="released")(some, History()) == pytest.approx([released, 0.0, None])


def test_options_set_the_slope_and_the_edge() -> None:
    one = group(rollout(1100, 1, budget=1000))
    assert L1Exact(alpha=0.001)(one, History()) == [pytest.approx(0.9)]  # 1 - 0.1
    assert L1Max(alpha=0.001)(one, History()) == [pytest.approx(0.4)]  # -0.1 + 0.5
    assert L1Max(alpha=0.001, delta=0.7)(one, History()) == [pytest.approx(0.6)]  # -0.1 + 0.7
    assert L1Exact(alpha=0)(one, History()) == [1.0]


def test_groups_all_right_all_wrong_with_one_right_and_of_equal_lengths() -> None:
    def some(*correct: int) -> Any:
        return group(*(rollout(2000, c, budget=1000) for c in correct))

    assert L1Exact()(some(1, 1), History()) == pytest.approx([0.7, 0.7])  # 1 - 0.3
    assert L1Exact()(some(0, 0), History()) == pytest.approx([-0.3, -0.3])
    assert L1Exact()(some(0, 1, 0), History()) == pytest.approx([-0.3, 0.7, -0.3])
    assert L1Max()(some(1, 1), History()) == pytest.approx([0.2, 0.2])  # 0.5 - 0.3
    assert L1Max()(some(0, 0), History()) == [0.0, 0.0]
    assert L1Max()(some(0, 1, 0), History()) == pytest.approx([0.0, 0.2, 0.0])


@pytest.mark.parametrize(("gap", "right"), [(3333, 0.0001), (3334, -0.0002)])  # 1 - 0.9999; 1 - 1.0002
def test_exact_ranks_wrong_on_budget_above_correct_beyond_3333_tokens_off(gap: int, right: float) -> None:
    for length in (4000 - gap, 4000 + gap):
        values = L1Exact()(group(rollout(length, 1, budget=4000), rollout(4000, 0, budget=4000)), History())
        assert values == pytest.approx([right, 0.0])


def test_terms_are_correctness_and_the_unweighted_length_term() -> None:
    some = group(*(rollout(n, c, budget=1000) for n, c in ((0, 1), (1000, 0), (3000, 0), (5, None))))
    correct = [1.0, 0.0, 0.0, None]
    assert L1Exact().terms(some, History()) == {"correct": correct, "length": [-1000, 0, -2000, None]}  # -|n - L|
    terms = L1Max().terms(some, History())
    assert terms["correct"] == correct
    assert terms["length"] == pytest.approx([0.8, 0.5, 0.0, None])  # 0.3 + 0.5, 0.5, -0.6 + 0.5 < 0


@pytest.mark.parametrize("reward", [L1Exact(), L1Max()])
def test_an_empty_group_gets_an_empty_answer(reward: Any) -> None:
    assert reward(group(), History()) == []


@pytest.mark.parametrize("reward", [L1Exact(), L1Max()])
def test_a_rollout_without_a_budget_is_an_error(reward: Any) -> None:
    with pytest.raises(ValueError, match="budget"):
        reward(group(replace(rollout(5, 1), budget=None)), History())


@pytest.mark.parametrize(
    ("reward", "options"),
    [(L1Exact, {"alpha": -1}), (L1Exact, {"alpha": float("nan")}), (L1Max, {"alpha": -1}), (L1Max, {"slope": "steep"})],
)
def test_bad_options_are_refused(reward: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{reward.name}: "):
        reward(**options)


def naive_exact(r: Rollout, alpha: float) -> float | None:
    if r.raw_reward is None or r.budget is None:
        return None
    distance = r.budget - r.length if r.budget > r.length else r.length - r.budget
    return r.raw_reward - alpha * distance


def naive_max(r: Rollout, alpha: float, released: bool) -> float | None:
    if r.raw_reward is None or r.budget is None:
        return None
    saved = alpha * (r.budget - r.length)
    if released:
        return r.raw_reward * (sorted((-1.0, saved, 1.0))[1] + 1) / 2
    return r.raw_reward * sorted((0.0, saved + 0.5, 1.0))[1]


lengths, budgets = st.integers(0, 12_000), st.integers(1, 8000)
drawn = st.builds(rollout, lengths, st.sampled_from([0, 1, None]), budget=budgets)


@given(st.lists(drawn, max_size=8), st.sampled_from([0.0003, 0.001, 0.01]))
def test_rewards_equal_a_naive_reference_whoever_else_is_in_the_group(rollouts: list[Rollout], alpha: float) -> None:
    some = group(*rollouts)
    assert L1Exact(alpha)(some, History()) == pytest.approx([naive_exact(r, alpha) for r in rollouts])
    for slope in ("paper", "released"):
        values = L1Max(alpha, slope=slope)(some, History())  # type: ignore[arg-type]
        assert values == pytest.approx([naive_max(r, alpha, slope == "released") for r in rollouts], abs=1e-9)


@given(lengths, st.integers(0, 5000), budgets)
def test_max_never_pays_for_length_nor_for_a_wrong_answer(length: int, more: int, budget: int) -> None:
    for reward in (L1Max(), L1Max(slope="released")):
        some = group(*(rollout(n, c, budget=budget) for n, c in ((length, 1), (length + more, 1), (length, 0))))
        short, long, wrong = reward(some, History())
        assert 1.0 >= short >= long >= 0.0  # type: ignore[operator]
        assert wrong == 0.0


@given(budgets, st.integers(0, 8000), st.integers(1, 4000))
def test_exact_pays_less_the_farther_off(budget: int, gap: int, more: int) -> None:
    near, far = L1Exact()(group(*(rollout(budget + g, 1, budget=budget) for g in (gap, gap + more))), History())
    assert near > far  # type: ignore[operator]
