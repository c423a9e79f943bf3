from dataclasses import replace

import pytest
from makers import group, rollout

from rewards import History
from rewards.length.dial import Dial
from rewards.length.l1 import L1Exact, L1Max
from rewards.length.train_long import Triangular


@pytest.mark.parametrize(
    ("length", "right"),  # R = c - 0.5 min(1, |1000 - L| / 1000)
    [
        (0, 0.5),  # 1 - 0.5 * 1000/1000
        (900, 0.95),  # 1 - 0.5 * 0.1
        (1000, 1.0),
        (1100, 0.95),
        (2000, 0.5),
        (9000, 0.5),  # bounded: 8000/1000 counts as 1
    ],
)
def test_the_price_is_of_the_share_that_is_off_the_budget(length: int, right: float) -> None:
    some = group(*(rollout(length, c, budget=1000) for c in (1, 0, None)))
    assert Dial()(some, History()) == pytest.approx([right, right - 1, None])
    assert Dial().terms(some, History())["length"] == pytest.approx([2 * (right - 1), 2 * (right - 1), None])


def test_no_wrong_answer_earns_more_than_a_right_one() -> None:
    far, near = rollout(9000, 1, budget=1000), rollout(1000, 0, budget=1000)
    assert Dial(alpha=0.9)(group(far, near), History()) == pytest.approx([0.1, 0.0])  # 1 - 0.9; 0 - 0


def test_thinking_is_held_against_a_budget_of_its_own_where_it_has_one() -> None:
    # 60 of 80 thinking tokens, a quarter off; of 100 tokens in all, 90 were used.
    split = group(replace(rollout(90, 1, budget=100), thinking=60, thinking_budget=80))
    assert Dial()(split, History()) == [pytest.approx(0.875)]  # 1 - 0.5 * 20/80
    assert Dial(part="all")(split, History()) == [pytest.approx(0.95)]  # 1 - 0.5 * 10/100
    assert L1Exact(0.01)(split, History()) == [pytest.approx(0.9)]  # 1 - 0.01 * 10
    assert L1Exact(0.01, part="thinking")(split, History()) == [pytest.approx(0.8)]  # 1 - 0.01 * 20
    assert L1Max(0.01, part="thinking")(split, History()) == [pytest.approx(0.7)]  # 0.01 * 20 + 0.5
    # 0.6 * 1 + 0.3 * 60/80, and nothing for a format that is not there
    assert Triangular(lambda_format=0, part="thinking")(split, History()) == [pytest.approx(0.825)]


def test_thinking_that_had_to_be_closed_is_off_by_a_share_of_its_own() -> None:
    # Closed at 80 of 80 tokens: off by half, not by nothing. A prefix is forced, too, and closes nothing.
    closed = replace(rollout(90, 1, budget=100), thinking=82, thinking_budget=80, forced=((80, 82),))
    begun = replace(rollout(90, 1, budget=100), thinking=80, thinking_budget=80, forced=((0, 2),))
    assert Dial()(group(closed, begun), History()) == [pytest.approx(0.75), 1.0]  # 1 - 0.5 * 0.5; 1
    assert Dial(closed=0.2)(group(closed), History()) == [pytest.approx(0.9)]  # 1 - 0.5 * 0.2
