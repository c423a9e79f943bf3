from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History, Rollout, Verdict
from rewards.correct import Correct
from rewards.length.truncation import Truncation

GROUP = group(
    rollout(4000, 1),  # correct, ended at the cap by itself
    rollout(4000, 1, "length"),  # shows the answer, but was cut
    rollout(10, 0),
    rollout(4000, 0, "length"),
    rollout(10, None),
)


def test_only_a_finished_correct_rollout_pays() -> None:
    assert Truncation()(GROUP, History()) == [1.0, 0.0, 0.0, 0.0, None]


def test_released_code_pays_a_tenth_for_a_cut_answer() -> None:
    assert Truncation(unfinished=0.1)(GROUP, History()) == [1.0, 0.1, 0.0, 0.0, None]


def test_correct_is_the_raw_reward() -> None:
    assert Correct()(GROUP, History()) == [1.0, 1.0, 0.0, 0.0, None]


@pytest.mark.parametrize(
    ("length", "stop", "correct", "paper", "released"),  # R = c * 1[L <= 4000]; released: c * 0.1 if not finished
    [
        (0, "eos", 1, 1.0, 1.0),  # 0 <= 4000
        (3999, "eos", 1, 1.0, 1.0),
        (4000, "eos", 1, 1.0, 1.0),  # EOS exactly at the cap is not a truncation
        (4000, "length", 1, 0.0, 0.1),  # cut at the cap
        (4001, "eos", 1, 0.0, 0.1),  # ended by itself, but beyond the group's own budget (DA-DLER)
        (8000, "eos", 1, 0.0, 0.1),
        (10_000, "length", 1, 0.0, 0.1),
        (0, "eos", 0, 0.0, 0.0),  # c = 0 whatever the length
        (4000, "eos", 0, 0.0, 0.0),
        (4000, "length", 0, 0.0, 0.0),
        (8000, "eos", 0, 0.0, 0.0),
        (0, "eos", None, None, None),
        (4000, "length", None, None, None),
        (8000, "eos", None, None, None),
    ],
)
def test_reward_is_correctness_within_the_budget(
    length: int, stop: Any, correct: int | None, paper: float | None, released: float | None
) -> None:
    one = group(rollout(length, correct, stop, budget=4000))
    assert Truncation()(one, History()) == [paper]
    assert Truncation(unfinished=0.1)(one, History()) == [released]


def test_a_shorter_tier_is_scored_after_the_fact() -> None:
    # DA-DLER: an easy group's budget is 2000, one within 4000 still counts in a hard group
    assert Truncation()(group(rollout(3000, 1, budget=2000), rollout(2000, 1, budget=2000)), History()) == [0.0, 1.0]
    assert Truncation()(group(rollout(3000, 1, budget=4000)), History()) == [1.0]


def test_groups_all_right_all_wrong_and_with_one_right() -> None:
    assert Truncation()(group(rollout(5, 1), rollout(5, 1), rollout(9, 1)), History()) == [1.0, 1.0, 1.0]
    assert Truncation()(group(rollout(5, 0), rollout(5, 0), rollout(9, 0)), History()) == [0.0, 0.0, 0.0]
    assert Truncation()(group(rollout(5, 0), rollout(5, 1), rollout(5, 0)), History()) == [0.0, 1.0, 0.0]


def test_a_cut_answer_pays_the_same_whatever_rule_made_its_raw_reward() -> None:
    judged = rollout(4000, 1, "length", budget=4000)
    by_rule = replace(judged, raw_reward=0.0)  # right in its text, but a cut rollout counts as wrong
    assert Truncation()(group(judged, by_rule), History()) == [0.0, 0.0]
    assert Truncation(unfinished=0.1)(group(judged, by_rule), History()) == [0.1, 0.1]


@pytest.mark.parametrize("verdict", [Verdict.UNPARSABLE, Verdict.TIMED_OUT])
def test_whoever_the_verifier_cannot_follow_earns_nothing(verdict: Verdict) -> None:
    assert Truncation(unfinished=0.1)(group(replace(rollout(5, 0), verdict=verdict)), History()) == [0.0]


def test_without_a_known_budget_the_stop_reason_decides() -> None:
    finished, cut = replace(rollout(9_999, 1), budget=None), replace(rollout(5, 1, "length"), budget=None)
    assert Truncation()(group(finished, cut), History()) == [1.0, 0.0]


def test_an_empty_group_gets_an_empty_answer() -> None:
    assert Truncation()(group(), History()) == []


def test_terms_are_correctness_and_whether_it_finished() -> None:
    assert Truncation(unfinished=0.1).terms(GROUP, History()) == {
        "correct": [1.0, 1.0, 0.0, 0.0, None],
        "length": [1.0, 0.0, 1.0, 0.0, None],
    }


@pytest.mark.parametrize("unfinished", [-0.1, 1.1, float("nan")])
def test_a_share_for_the_unfinished_outside_0_to_1_is_refused(unfinished: float) -> None:
    with pytest.raises(ValueError, match="truncation: "):
        Truncation(unfinished=unfinished)


def naive(rollouts: list[Rollout], unfinished: float) -> list[float | None]:
    answer: list[float | None] = []
    for r in rollouts:
        if r.raw_reward is None:
            answer.append(None)
        elif r.raw_reward == 0:
            answer.append(0.0)
        elif r.stop == "length" or r.length > (r.budget or 0):
            answer.append(unfinished)
        else:
            answer.append(1.0)
    return answer


drawn = st.builds(
    rollout,
    st.integers(0, 60),
    st.sampled_from([0, 1, None]),
    st.sampled_from(["eos", "length"]),
    budget=st.integers(1, 60),
)


@given(st.lists(drawn, max_size=8), st.sampled_from([0.0, 0.1, 0.5]))
def test_reward_equals_a_naive_reference(rollouts: list[Rollout], unfinished: float) -> None:
    assert Truncation(unfinished)(group(*rollouts), History()) == naive(rollouts, unfinished)


@given(st.lists(drawn, max_size=8))
def test_each_rollout_is_paid_as_if_it_were_alone(rollouts: list[Rollout]) -> None:
    alone = [Truncation()(Group(group().problem, (r,)), History())[0] for r in rollouts]
    assert Truncation()(group(*rollouts), History()) == alone


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 60))
def test_a_longer_rollout_never_earns_more(length: int, more: int, budget: int) -> None:
    short, long = Truncation()(
        group(rollout(length, 1, budget=budget), rollout(length + more, 1, budget=budget)), History()
    )
    assert short is not None
    assert long is not None
    assert short >= long
