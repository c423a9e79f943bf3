"""Where S-GRPO and BRPO branch, and what their branches earn, by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History, Rollout
from rewards.credit.brpo import Brpo as Credit
from rewards.edits import Branch, Keep
from rewards.edits.brpo import CUT, SUMMARY, Brpo
from rewards.edits.s_grpo import EXIT, SGrpo
from rewards.length.brpo import Brpo as BrpoReward
from rewards.length.s_grpo import SGrpo as SGrpoReward


def thought(thinking: int, length: int, correct: float = 1, text: str = "") -> Rollout:
    return replace(rollout(length, correct, text=text), thinking=thinking)


def test_the_first_right_exit_earns_one_and_each_later_one_half_of_the_one_before() -> None:
    right = [0, 1, 1, 0, 1]
    assert SGrpoReward()(group(*(rollout(9, c) for c in right)), History()) == [0, 1, 0.5, 0, 0.25]
    assert SGrpoReward()(group(rollout(9, None), rollout(9, 1)), History()) == [None, 1]


@given(st.integers(2, 900), st.integers(2, 12), st.integers(0, 99))
def test_exits_lie_within_the_thinking_in_order_and_the_whole_comes_last(thinking: int, size: int, seed: int) -> None:
    plan = SGrpo(answer=50).plan(group(thought(thinking, thinking + 10)), History(), size, seed)
    *exits, whole = plan
    assert len(plan) == size
    assert whole == Keep(0)
    places = [exit.at for exit in exits if isinstance(exit, Branch)]
    assert places == sorted(places)
    assert all(1 <= place < thinking for place in places)
    assert all(exit == Branch(0, place, EXIT, 50, True) for exit, place in zip(exits, places, strict=True))
    assert plan == SGrpo(answer=50).plan(group(thought(thinking, thinking + 10)), History(), size, seed)


@pytest.mark.parametrize(("thinking", "length"), [(1, 5), (1, 1), (0, 1)])
def test_an_exit_never_comes_after_the_end_of_thinking_or_of_the_rollout(thinking: int, length: int) -> None:
    (exit, _) = SGrpo().plan(group(thought(thinking, length)), History(), 2, 0)
    assert isinstance(exit, Branch)
    assert exit.at == 0


def test_a_group_of_exits_is_sampled_as_one_rollout() -> None:
    assert SGrpo().sampled(9) == 1
    with pytest.raises(ValueError, match="at least 2"):
        SGrpo().sampled(1)


def test_a_summary_that_nobody_could_judge_counts_in_no_mean() -> None:
    edit = Brpo(lengths=(20,), summaries=3, tokens=7)
    right, wrong, lost = (thought(5, 9, c, "</think>") for c in (1, 0, None))
    found = Credit(lengths=(20,), summaries=3).credit(group(thought(30, 36), right, wrong, lost), [0.0] * 4)
    assert edit.tree == 4
    assert [row[0] if row else None for row in found[1:]] == [0.5, -0.5, None]


def test_summaries_are_forced_at_the_lengths_and_after_a_thinking_that_is_over() -> None:
    edit = Brpo(lengths=(20, 40), summaries=2, tokens=7)
    assert (edit.tree, edit.sampled(10)) == (5, 2)
    with pytest.raises(ValueError, match="trees of 5"):
        edit.sampled(8)
    plan = edit.plan(group(thought(30, 36), thought(50, 50)), History(), 10, 0)
    assert plan == [
        Keep(0),
        *[Branch(0, 20, CUT + SUMMARY, 7)] * 2,
        *[Branch(0, 30, SUMMARY, 7)] * 2,  # closed at 30, its end counted
        Keep(1),
        *[Branch(1, 20, CUT + SUMMARY, 7)] * 2,
        *[Branch(1, 40, CUT + SUMMARY, 7)] * 2,
    ]


def test_a_thinking_that_never_ends_is_closed_where_it_goes_on_only() -> None:
    edit = Brpo(lengths=(20, 40), summaries=1, tokens=7, cut="</think>", summary=" So")
    for stop, text in (("eos", " So"), ("length", "</think> So")):
        whole = replace(thought(0, 30), stop=stop)  # type: ignore[arg-type]
        assert edit.plan(group(whole), History(), 3, 0)[1:] == [
            Branch(0, 20, "</think> So", 7),
            Branch(0, 30, text, 7),
        ]


def test_a_summary_counts_if_it_is_right_and_thinking_ended_once() -> None:
    texts = ["a</think>5", "a</think>b</think>5", "5"]
    assert BrpoReward()(group(*(rollout(9, 1, text=text) for text in texts)), History()) == [1, 0, 0]
    assert BrpoReward()(group(rollout(9, 0, text="a</think>5")), History()) == [0]


def test_parts_of_a_thinking_are_credited_against_both_baselines() -> None:
    # S = 4, uniform: of r = 0, .5, 1, 1 the returns are .625, .625, .5, .25, of r = 0, 0, 0, 1 all .25, so
    # V2 = .4375, .4375, .375, .25. First tree: A0 = .625 - .4375;
    # A1 = .625 - (1 * 0 + 3 * .4375) / 4 = .2969;  V1_2 = (1 * 0 + 2 * .5) / 3 * .5 = 1/6: .5 - (1/3 + .75) / 4;
    # V1_3 = (0 + 1 + 4) / 7 * .25 = .1786: .25 - (.5357 + .25) / 4 = .0536
    found = Credit(lengths=(1, 2, 3, 4)).parts([[0, 0.5, 1, 1], [0, 0, 0, 1]])
    assert found[0] == pytest.approx([0.1875, 0.296875, 0.2291667, 0.0535714], abs=1e-6)
    assert found[1] == pytest.approx([-0.1875, -0.078125, 0.0625, 0.1875], abs=1e-6)


def test_tokens_get_the_advantage_of_their_part_and_summaries_theirs() -> None:
    tree = [thought(3, 5), *(rollout(4, right, text="x</think>y") for right in (1, 0, 1, 1))]
    credit = Credit(lengths=(2, 4), summaries=2)
    found = credit.credit(group(*tree), [0.0] * 5)
    (parts,) = credit.parts([[0.5, 1.0]])
    # ret = (.5 * .5 + .5 * 1, .5) = (.75, .5): one tree, so V2 = ret; A0 = 0, A1 = .5 - (.5 * .5 + .5) / 2 = .125
    assert parts == pytest.approx([0.0, 0.125])
    assert found[0] == pytest.approx([0, 0, 0.125, 0, 0])  # thinking ends at 3; the answer does not train
    assert found[1:] == [[0.5] * 4, [-0.5] * 4, [0.0] * 4, [0.0] * 4]


def test_a_single_summary_is_compared_with_those_of_the_other_trees() -> None:
    first, second = ([thought(3, 5), rollout(4, c, text="x</think>y")] for c in (1, 0))
    found = Credit(lengths=(2,), summaries=1).credit(group(*first, *second), [0.0] * 4)
    assert found[1] == [0.5] * 4
    assert found[3] == [-0.5] * 4


def test_priors_weigh_lengths() -> None:
    assert Credit(lengths=(2, 6), prior="linear").prior == [0.25, 0.75]
    assert Credit(lengths=(2, 6), prior="base").prior == [0, 1]
    # all weight on the last: every part's return is its reward
    assert Credit(lengths=(2, 6), prior="base").parts([[0, 1], [0, 0]])[0][0] == 0.5
