"""Token credits, by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History, Problem, Rollout
from rewards.credit.decs import Decs
from rewards.credit.hbpo import Hbpo
from rewards.credit.lc_r1 import LcR1
from rewards.credit.thinkless import Thinkless
from rewards.edits import Cut, Keep
from rewards.edits.lc_r1 import LcR1 as Edit
from rewards.length.hbpo import Hbpo as HbpoReward
from rewards.length.lc_r1 import LcR1 as LcR1Reward
from rewards.length.thinkless import Thinkless as ThinklessReward


def spelt(text: str, correct: float = 1, thinking: int | None = None) -> Rollout:
    """A rollout of one token a character, its end of thinking one token."""
    thought, end, answer = text.partition("</think>")
    length = len(thought) + bool(end) + len(answer)
    ends = [
        *range(1, len(thought) + 1),
        *([len(thought + end)] if end else []),
        *range(len(thought + end) + 1, len(text) + 1),
    ]
    return replace(rollout(length, correct, text=text), thinking=len(thought) + bool(end), ends=ends)


def pieces(*tokens: str, correct: float = 1) -> Rollout:
    """A rollout of these tokens, its thinking up to the one that ends `</think>`."""
    text, ends = "".join(tokens), [len("".join(tokens[: i + 1])) for i in range(len(tokens))]
    thinking = sum(end <= text.find("</think>") + len("</think>") for end in ends)
    return replace(rollout(len(tokens), correct, text=text), thinking=thinking, ends=ends)


# Thinkless ---------------------------------------------------------------------------------------


def test_the_first_token_weighs_alpha_and_the_others_the_rest() -> None:
    # B = 2, N = 6: the first token's is times .001 * 6 / 2, the others' times 6 / 4
    found = Thinkless().credit(group(rollout(4, 1), rollout(2, 0)), [1.0, -1.0])
    assert found[0] == pytest.approx([0.003, 1.5, 1.5, 1.5])
    assert found[1] == pytest.approx([-0.003, -1.5])


def test_a_mean_over_tokens_is_then_the_paper_s_loss() -> None:
    # l_0 = -.5 and the rest -.2: .001 * -.5 + -.2 = -.2005
    lengths = [10, 3, 7]
    found = Thinkless().credit(group(*(rollout(length, 1) for length in lengths)), [1.0] * 3)
    losses = [weight * (-0.5 if place == 0 else -0.2) for row in found for place, weight in enumerate(row or ())]
    assert sum(losses) / sum(lengths) == pytest.approx(-0.2005)


def test_tokens_that_are_not_in_the_loss_do_not_count() -> None:
    # of 4 + 2 tokens 3 + 1 are in the loss, one of them a first one: .001 * 4 / 2, 4 / 3
    one, two = replace(rollout(4, 1), masked=((2, 3),)), replace(rollout(2, 1), masked=((0, 1),))
    assert Thinkless().credit(group(one, two), [1.0, 1.0])[0] == pytest.approx([0.002, 4 / 3, 4 / 3, 4 / 3])


def test_it_goes_by_the_batch_where_there_is_one() -> None:
    one, two = group(rollout(4, 1)), group(rollout(2, 1))
    assert Thinkless().batch([one, two], [[1.0], [1.0]])[0][0] == pytest.approx([0.003, 1.5, 1.5, 1.5])


def test_a_short_right_answer_is_worth_twice_a_long_one() -> None:
    rollouts = [rollout(9, 1, text="<short>5"), rollout(9, 1, text="<think>5"), rollout(9, 0, text="<short>6")]
    assert ThinklessReward()(group(*rollouts), History()) == [1.0, 0.5, -1.0]


# HBPO --------------------------------------------------------------------------------------------


def test_a_stated_budget_is_worth_its_cosine_and_less_beyond() -> None:
    reward = HbpoReward()
    # 4 cos(pi b / 8192): 3.9231, 3.6955, 2.8284, 2.2223
    values = [reward(group(rollout(300, 1, budget=b)), History())[0] for b in (512, 1024, 2048, 2560)]
    assert values == pytest.approx([3.9231, 3.6955, 2.8284, 2.2223], abs=1e-4)
    # L = 1500 > b = 1024: 4 cos(.57524) - 476 / 4096 = 3.3561 - .1162
    assert reward(group(rollout(1500, 1, budget=1024)), History()) == pytest.approx([3.240], abs=1e-3)
    assert reward(group(rollout(300, 0, budget=512), rollout(5000, 1, budget=512)), History()) == [0, 0]
    # as released: the lesser of both, at L = 100 of b = 512: 4 cos(.03835) - 412 / 4096 = 3.8965
    lesser = HbpoReward(lesser=True)(group(rollout(100, 1, budget=512)), History())
    assert lesser == pytest.approx([3.8965], abs=1e-4)


def test_a_subgroup_s_mean_is_compared_with_its_budget_s_worth() -> None:
    one = [replace(rollout(300, c, budget=512), variant="512") for c in (1, 0)]
    two = [replace(rollout(300, c, budget=2560), variant="2560") for c in (1, 1)]
    found = Hbpo().credit(group(*one, *two), [0.5, -0.5, 1.0, 1.0])
    # means 3.9231 / 2 and 2.2223: + (1.9616 - 3.9231), + 0
    assert [row[0] for row in found if row] == pytest.approx([-1.4616, -2.4616, 1.0, 1.0], abs=1e-4)
    assert [len(row) for row in found if row] == [300] * 4
    twice = Hbpo(times=2).credit(group(*one), [0.0, 0.0])
    assert twice[0] is not None
    assert twice[0][0] == pytest.approx(-3.9231, abs=1e-4)


# LC-R1 -------------------------------------------------------------------------------------------


def test_the_thinking_after_its_first_right_answer_is_cut_out() -> None:
    text = "a = 2. Wait, again. </think>2"
    rollouts = [spelt(text), spelt(text, 0), spelt("I guess. </think>2"), spelt("a = 2.</think>2"), spelt("a = 2. Hm")]
    plan = Edit().plan(group(*rollouts), History(), 5, 0)
    assert plan == [Cut(0, 7, 20), Keep(1), Keep(2), Keep(3), Keep(4)]


def test_no_word_after_the_answer_stays_by_its_space_and_no_end_of_thinking_is_torn() -> None:
    rollouts = [
        pieces("a", " =", " 2", ".", " Wait", ",", " again", ".", "</think>", "2"),
        pieces("a", " =", " 2", ".\n\n", "Wait", ".</", "think", ">", "2"),
        pieces("a", " =", " 2", ".", "\n", "</think>", "2"),  # nothing after its answer
    ]
    assert Edit().plan(group(*rollouts), History(), 3, 0) == [Cut(0, 4, 8), Cut(1, 4, 5), Keep(2)]


def test_thinking_that_ends_by_another_mark_is_cut_and_charged_too() -> None:
    own = pieces("a", " =", " 2", ".", " Wait", ".", "[/THINK]", "2")
    assert Edit().plan(group(own), History(), 1, 0) == [Cut(0, 4, 6)]
    found = Decs(maximum=100).credit(group(own, pieces("a", " =", " 2.", "</think>", "2")), [0, 0])
    assert [value < -0.1 for value in found[0] or ()] == [False] * 4 + [True] * 2 + [False] * 2
    (paid,) = LcR1().credit(group(replace(own, thinking=7)), [0.0])
    assert [place for place, value in enumerate(paid or ()) if value] == [6]


def test_what_is_left_of_the_thinking_pays_at_its_end() -> None:
    # 300 of 500 tokens are left: 1 - 300 / 500.0001 = .4
    left = replace(spelt("a" * 294 + " = 2. " + "</think>2"), cut=200)
    none = spelt("I guess. </think>2")
    wrong = spelt("a = 3. </think>3", 0)
    assert left.thinking == 301
    found = LcR1().credit(group(left, none, wrong), [0.25, 0.5, -1.0])
    assert found[2] is None
    assert found[0] is not None
    assert found[1] is not None
    assert found[0][300] == pytest.approx(0.65)
    assert set(found[0][:300]) | set(found[0][301:]) == {0.25}
    assert found[1][9] == -0.5  # nobody found its answer: .5 - 1


def test_the_longest_right_answer_earns_nothing_for_its_length() -> None:
    one = group(rollout(400, 1), rollout(800, 1), rollout(600, 0))
    # format adds 1 to all in the paper, which no advantage shows. As released: 1.5, 1, .25, mean .9167
    released = LcR1Reward(gated=False)(one, History())
    assert released == [1.5, 1.0, 0.25]
    gated = LcR1Reward()(one, History())
    assert gated == [1.5, 1.0, 0.0]
    mean = sum(filter(None, gated)) / 3
    assert [r - mean for r in gated if r is not None] == pytest.approx([0.6667, 0.1667, -0.8333], abs=1e-4)
    assert LcR1Reward(gated=False)(group(rollout(600, 0)), History()) == [0]


# DECS --------------------------------------------------------------------------------------------


def test_only_what_comes_after_the_answer_pays_for_length() -> None:
    text = "2 = 2. Sure. Wait, hm. </think>2"
    right, wrong = spelt(text), spelt("No.</think>3", 0)
    question = Group(Problem("p", "1+1=?", "2"), (right, wrong))
    found = Decs(maximum=100).credit(question, [0.0, 0.0])
    length = right.length
    row = [1.1] * length
    start, end = 13, 23  # from "Wait" to the end of thinking
    row[start:end] = [1 + 0.1 * (1 - length / 100)] * 10
    # two rollouts, r and 0: mean r / 2, sample deviation r / sqrt(2): A = sqrt(2) / 2 wherever the other is wrong
    assert found[0] == pytest.approx([0.70710] * length, abs=1e-4)
    # beside a right one without redundancy the redundant tokens lose
    pair = Decs(maximum=100).credit(Group(Problem("p", "1+1=?", "2"), (right, spelt("2 = 2.</think>2"))), [0, 0])
    assert pair[0] is not None
    assert [value < 0 for value in pair[0]] == [start <= place < end for place in range(length)]
    assert max(pair[0][:start]) == pytest.approx(0, abs=1e-9)


def test_a_reflection_word_pays_though_its_token_begins_with_the_space_before_it() -> None:
    one = pieces("a", " =", " 2", ".", " Wait", ".", "</think>", "2")
    found = Decs(maximum=100).credit(group(one, pieces("a", " =", " 2.", "</think>", "2")), [0, 0])
    assert [value < -0.1 for value in found[0] or ()] == [False] * 4 + [True] * 2 + [False] * 2


def test_a_redundant_token_s_reward_by_hand() -> None:
    # L = 800 of 16384: 1 + .1 (1 - 800 / 16384) = 1.09512
    row = 1 + 0.1 * (1 - 800 / 16384)
    text = "2 = 2. Wait" + "." * 788 + "</think>"
    one = spelt(text)
    assert one.length == 800
    import numpy as np

    values = np.zeros(800)
    Decs(maximum=16384)._reward(values, one, Group(Problem("p", "?", "2"), (one,)))
    assert values[:7].tolist() == [1.1] * 7
    assert values[10] == pytest.approx(row) == pytest.approx(1.09512, abs=1e-5)


@given(st.lists(st.sampled_from(["2 = 2.</think>2", "Hm. 2 = 2.</think>2"]), min_size=2, max_size=5))
def test_all_right_and_nothing_redundant_is_worth_nothing(texts: list[str]) -> None:
    found = Decs().credit(group(*map(spelt, texts)), [0.0] * len(texts))
    assert all(abs(value) < 1e-6 for row in found for value in row or ())


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=2, max_size=6))
def test_what_a_right_rollout_needs_never_loses(cells: list[tuple[bool, int]]) -> None:
    rollouts = [spelt("2 = 2. " + "Wait. " * again + "</think>2", float(right)) for right, again in cells]
    for (right, _), row in zip(cells, Decs().credit(group(*rollouts), [0.0] * len(cells)), strict=True):
        assert row is not None
        assert not right or min(row[:7]) > -1e-6
