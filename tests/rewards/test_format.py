import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History
from rewards.format import TagFormat

GOOD = "<think>one and one</think> <answer>2</answer>"


@pytest.mark.parametrize(
    ("text", "expected"),  # R = 0.3 * I_think + 0.7 * I_answer
    [
        ("", 0.0),
        ("the answer is 2", 0.0),
        (GOOD, 1.0),  # 0.3 + 0.7
        ("<think></think><answer></answer>", 1.0),
        (f"Well: {GOOD} Done.", 1.0),
        ("<answer>2</answer><think>one and one</think>", 1.0),  # the formula asks for no order of the pairs
        ("<think>one and one</think> 2", 0.3),
        ("one and one <answer>2</answer>", 0.7),
        ("<think>one and one <answer>2</answer>", 0.7),  # never stops thinking
        ("one and one</think><answer>2</answer>", 0.7),
        ("<think>one and one</think><answer>2", 0.3),  # cut in its answer
        ("</think>one and one<think><answer>2</answer>", 0.7),  # the wrong way round
        ("<think>a</think><think>b</think><answer>2</answer>", 0.7),  # two pairs are not one
        ("<think>a</think><answer>2</answer><answer>3</answer>", 0.3),
        ("<think><think>a</think><answer>2</answer>", 0.7),
        ("<think>a<answer>2</answer></think>", 0.0),  # overlap: neither counts
        ("<answer><think>a</think>2</answer>", 0.0),
        ("<think>a<answer>b</think>2</answer>", 0.0),
        ("<THINK>a</THINK><Answer>2</Answer>", 0.0),
    ],
)
def test_a_pair_counts_if_it_is_whole_alone_and_apart(text: str, expected: float) -> None:
    values = TagFormat(a_think=0.3, a_answer=0.7)(group(rollout(9, 1, text=text)), History())
    assert values == [pytest.approx(expected)]


def test_both_pairs_weigh_one_half_by_default() -> None:
    texts = (GOOD, "<think>a</think>", "<answer>2</answer>", "")
    assert TagFormat()(group(*(rollout(9, 1, text=t) for t in texts)), History()) == [1.0, 0.5, 0.5, 0.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one and one</think> <answer>2</answer>", 1.0),  # the prompt ends with <think>
        (GOOD, 0.5),  # a second <think>
        ("one and one <answer>2</answer>", 0.5),  # never closed
        ("one <answer>2</answer></think>", 0.0),  # overlap
        ("</think>2", 0.5),
        ("", 0.0),
    ],
)
def test_the_prompt_may_have_opened_the_thinking(text: str, expected: float) -> None:
    assert TagFormat(opened=True)(group(rollout(9, 1, text=text)), History()) == [expected]


def test_format_asks_neither_for_correctness_nor_for_length() -> None:
    some = group(rollout(0, 1, text=GOOD), rollout(9_999, 0, text=GOOD), rollout(10_000, 0, "length", GOOD))
    assert TagFormat()(some, History()) == [1.0, 1.0, 1.0]


def test_a_rollout_nobody_could_judge_gets_no_reward() -> None:
    assert TagFormat()(group(rollout(9, None, text=GOOD), rollout(9, 0, text=GOOD)), History()) == [None, 1.0]


def test_an_empty_group_gets_an_empty_answer() -> None:
    assert TagFormat()(group(), History()) == []


@pytest.mark.parametrize("options", [{"a_think": -0.5}, {"a_answer": -0.5}, {"a_think": float("nan")}])
def test_weights_below_0_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="format: "):
        TagFormat(**options)  # type: ignore[arg-type]


pieces = st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "2", " ", "<", "think>"])
texts = st.lists(pieces, max_size=8).map("".join)
THINK, ANSWER = ["<think>", "</think>"], ["<answer>", "</answer>"]


def naive(text: str) -> float:
    tags = re.findall("</?(?:think|answer)>", text)
    thought = [tag for tag in tags if tag in THINK] == THINK
    answered = [tag for tag in tags if tag in ANSWER] == ANSWER
    if thought and answered:
        return 1.0 if tags in (THINK + ANSWER, ANSWER + THINK) else 0.0
    return 0.25 if thought else 0.75 if answered else 0.0


@given(st.lists(texts, max_size=6))
def test_reward_equals_a_naive_reference_whoever_else_is_in_the_group(some: list[str]) -> None:
    values = TagFormat(0.25, 0.75)(group(*(rollout(9, i % 2, text=t) for i, t in enumerate(some))), History())
    assert values == [naive(t) for t in some]


@given(texts)
def test_an_opened_prompt_is_worth_the_same_as_writing_the_tag_oneself(text: str) -> None:
    assert TagFormat(0.25, 0.75, opened=True).score(text) == naive("<think>" + text)
