import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History, Rollout, Verdict
from rewards.length.auto_think import AutoThink, thinks

THOUGHT, NOT = "so it is\n</think>\n\n2", "</think>\n\n2"
OFF = 1.0
"""A balance that neither mode can exceed."""


def think(correct: float | None, length: int = 100) -> Rollout:
    return rollout(length, correct, text=THOUGHT)


def straight(correct: float | None, length: int = 100) -> Rollout:
    return rollout(length, correct, text=NOT)


def batch(groups: list[Group], **options: float) -> list[list[float | None]]:
    return AutoThink(**options).batch(groups, History())


@pytest.mark.parametrize(
    ("text", "lead", "thought"),
    [
        (NOT, "", False),
        (THOUGHT, "", True),
        ("...\n</think>\n\n2", "<think>", False),  # a prompt's or prefix's dots are no thought
        ("</think>2", "<think>", False),
        ("<think>\n\n</think>\n\n2", "", False),
        ("still at it", "<think>", True),
        ("2", "<think></think>", False),
    ],
)
def test_a_rollout_thinks_unless_its_thinking_ends_before_a_thought(text: str, lead: str, thought: bool) -> None:
    assert thinks(replace(rollout(5, 1, text=text), lead=lead)) is thought


def test_a_right_answer_is_worth_more_without_thinking_and_a_wrong_one_less() -> None:
    unread = replace(straight(0), verdict=Verdict.UNPARSABLE)
    endless = rollout(9, 0, text="still at it")
    (values,) = batch([group(think(1), think(0), straight(1), straight(0), unread, endless, think(None))], balance=OFF)
    assert values == [1.0, 0.0, 2.0, -1.0, 0.0, 0.0, None]


def test_a_mode_that_takes_more_than_its_share_of_the_batch_pays() -> None:
    # 6 of 8 think: p = .75, k = 2 (.75 - .5) = .5. Think right 1 -> .5, think wrong 0 -> -.5; the others keep theirs.
    groups = [group(think(1), think(0), think(1), straight(1)), group(think(1), think(0), think(0), straight(0))]
    assert batch(groups) == [[0.5, -0.5, 0.5, 2.0], [0.5, -0.5, -0.5, -1.0]]
    # 3 of 4 do not: right 2 -> 1 + .5, wrong -1 -> -.5 - 1.
    assert batch([group(straight(1), straight(0), straight(1), think(1))]) == [[1.5, -1.5, 1.5, 1.0]]
    # k is at most 1: all think; what was won is gone.
    assert batch([group(think(1), think(0))]) == [[0.0, -1.0]]


def test_the_share_is_that_of_the_whole_batch() -> None:
    thinking, not_thinking = group(think(1), think(0)), group(straight(1), straight(0))
    assert batch([thinking, not_thinking]) == [[1.0, 0.0], [2.0, -1.0]]
    assert AutoThink()(thinking, History()) == [0.0, -1.0]  # alone it is a batch of its own


def test_in_the_last_stage_right_answers_are_worth_more_if_short_and_wrong_ones_if_long() -> None:
    # Lengths 100, 200, 300: z = -1, 0, 1; exp(.05) - 1 = .0513, 0, exp(-.05) - 1 = -.0488.
    right = group(*(think(1, length) for length in (100, 200, 300)), straight(1, 200))
    (values,) = batch([right], balance=OFF, length=0.05)
    z = 100 / math.sqrt(20_000 / 3)  # four of them: sample deviation 81.65
    assert values == pytest.approx([math.exp(0.05 * z), 1.0, math.exp(-0.05 * z), 2.0])
    three = group(*(think(1, length) for length in (100, 200, 300)), think(0, 50))
    assert batch([three], balance=OFF, length=0.05)[0] == pytest.approx([1.0513, 1.0, 0.9512, 0.0], abs=1e-4)
    wrong = group(*(think(0, length) for length in (100, 200, 300)), think(1, 50))
    assert batch([wrong], balance=OFF, length=0.05)[0] == pytest.approx([-0.0513, 0.0, 0.0488, 1.0], abs=1e-4)


def test_the_length_comes_before_the_balance() -> None:
    (values,) = batch([group(think(1, 100), think(1, 300), think(1, 200), straight(0))], length=0.05)
    # .5 · exp(.05), .5 · exp(-.05), .5
    assert values == pytest.approx([0.5 * math.exp(0.05), 0.5 * math.exp(-0.05), 0.5, -1.0])


@pytest.mark.parametrize("options", [{"balance": 1.5}, {"length": -0.1}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="auto-think: "):
        AutoThink(**options)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0, 1, None])), min_size=1, max_size=12), st.integers(1, 12))
def test_a_batch_within_the_balance_is_worth_what_its_groups_are(
    cells: list[tuple[bool, int | None]], size: int
) -> None:
    rollouts = [(think if thought else straight)(correct) for thought, correct in cells]
    groups = [group(*rollouts[i : i + size]) for i in range(0, len(rollouts), size)]
    apart = [AutoThink(balance=OFF, length=0.05)(each, History()) for each in groups]
    assert batch(groups, balance=OFF, length=0.05) == apart
    for each, values in zip(groups, batch(groups), strict=True):
        assert [value is None for value in values] == [r.raw_reward is None for r in each.rollouts]
