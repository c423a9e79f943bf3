from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.shorter_better import ShorterBetter

Outcome = tuple[int, int | None]  # length, correct


def rewards(outcomes: list[Outcome], **options: float) -> list[float | None]:
    return ShorterBetter(**options)(group(*(rollout(*o) for o in outcomes)), History())


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        # the shortest correct is 400 = SOL
        ([(400, 1), (401, 1), (800, 1)], [2.0, 1.999, 1.6]),  # 2 - 0; 2 - 0.001 * 1; 2 - 0.001 * 400
        (
            [(400, 1), (0, 0), (400, 0), (401, 0), (800, 0)],
            [2.0, -0.4, 0.0, -0.001, -0.4],
        ),  # wrong: -0.001 * |L - 400|, on both sides
        ([(0, 1), (1, 1), (8192, 1)], [2.0, 1.999, -6.192]),  # SOL = 0; at a cap of 8192: 2 - 8.192
        ([(100, 0), (200, 0), (600, 0)], [-0.2, -0.1, -0.3]),  # none correct: SOL = 900 / 3 = 300
        ([(500, 0), (500, 0)], [0.0, 0.0]),  # all wrong, equal lengths: SOL = 500
        ([(500, 1), (500, 1)], [2.0, 2.0]),
        ([(700, 1)], [2.0]),  # G = 1: a rollout is its own target
        ([(700, 0)], [0.0]),
    ],
)
def test_reward_falls_with_the_distance_to_the_shortest_correct(outcomes: list[Outcome], expected: list[float]) -> None:
    assert rewards(outcomes) == pytest.approx(expected)


def test_alpha_weighs_correctness_and_beta_the_distance() -> None:
    # SOL = 100: 5 - 0.01 * 0; 5 - 0.01 * 50; 0 - 0.01 * 60
    assert rewards([(100, 1), (150, 1), (40, 0)], alpha=5.0, beta=0.01) == pytest.approx([5.0, 4.5, -0.6])


def test_an_unjudged_rollout_moves_neither_the_minimum_nor_the_mean() -> None:
    assert rewards([(400, 1), (10, None), (500, 1)]) == pytest.approx([2.0, None, 1.9])
    # without a correct one the mean is (100 + 300) / 2 = 200, not (100 + 300 + 5000) / 3
    assert rewards([(100, 0), (300, 0), (5000, None)]) == pytest.approx([-0.1, -0.1, None])


def test_a_group_without_judged_rollouts_has_no_rewards() -> None:
    assert rewards([(1, None), (2, None)]) == [None, None]
    assert rewards([]) == []


def test_terms_are_correctness_and_minus_the_distance_in_tokens() -> None:
    shown = ShorterBetter().terms(group(rollout(400, 1), rollout(100, 0), rollout(7, None)), History())
    assert shown == {"correct": [1.0, 0.0, None], "length": [0, -300, None]}


@pytest.mark.parametrize("options", [{"alpha": -1.0}, {"beta": -0.001}, {"beta": float("nan")}])
def test_negative_weights_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shorter-better: "):
        ShorterBetter(**options)


def naive(outcomes: list[Outcome]) -> list[float | None]:
    total, judged, best = 0, 0, None
    for length, correct in outcomes:
        if correct is not None:
            total, judged = total + length, judged + 1
        if correct == 1 and (best is None or length < best):
            best = length
    values: list[float | None] = []
    for length, correct in outcomes:
        if correct is None:
            values.append(None)
            continue
        target = total / judged if best is None else best
        values.append(2 * correct - 0.001 * max(length - target, target - length))
    return values


groups = st.lists(st.tuples(st.integers(0, 20_000), st.sampled_from([0, 1, None])), max_size=9)


@given(groups)
def test_rewards_equal_a_naive_account_of_the_formula(outcomes: list[Outcome]) -> None:
    assert rewards(outcomes) == pytest.approx(naive(outcomes))


@given(groups, st.integers(0, 2**32))
def test_order_in_the_group_does_not_matter(outcomes: list[Outcome], seed: int) -> None:
    order = Random(seed).sample(range(len(outcomes)), len(outcomes))
    before = rewards(outcomes)
    assert rewards([outcomes[i] for i in order]) == pytest.approx([before[i] for i in order])


@given(groups, st.integers(0, 20_000))
def test_an_unjudged_rollout_changes_nobodys_reward(outcomes: list[Outcome], length: int) -> None:
    assert rewards([*outcomes, (length, None)]) == pytest.approx([*rewards(outcomes), None])


@given(groups.filter(lambda outcomes: any(correct == 1 for _, correct in outcomes)))
def test_no_rollout_beats_the_shortest_correct_one(outcomes: list[Outcome]) -> None:
    values = rewards(outcomes)
    shortest = min(length for length, correct in outcomes if correct == 1)
    assert values[outcomes.index((shortest, 1))] == 2.0
    assert max(v for v in values if v is not None) == 2.0


def test_a_wrong_answer_on_target_can_outrank_a_long_correct_one() -> None:
    # the distance of 2500 tokens costs 2.5 > alpha = 2
    values = rewards([(500, 1), (3000, 1), (500, 0)])
    assert values == pytest.approx([2.0, -0.5, 0.0])


def test_history_is_not_consulted() -> None:
    history = History()
    history.put("shorter-better", "p", {"length": 1.0})
    assert ShorterBetter()(Group(group().problem, (rollout(9, 1),)), history) == [2.0]
