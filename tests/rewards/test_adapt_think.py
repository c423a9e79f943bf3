from dataclasses import replace

import pytest
from makers import group, rollout

from rewards import Group, History
from rewards.length.adapt_think import AdaptThink


def asked(*texts: str, right: tuple[float, ...]) -> Group:
    rollouts = [rollout(9, correct, text=text) for text, correct in zip(texts, right, strict=True)]
    found = group(*rollouts)
    return replace(found, problem=replace(found.problem, columns={"ref_accuracy": 0.75}))


def test_a_right_answer_is_worth_what_it_is_above_the_reference_and_not_thinking_a_little_more() -> None:
    found = AdaptThink()(asked("</think>5", "</think>6", "Alright</think>5", right=(1, 0, 1)), History())
    assert found == pytest.approx([0.30, -0.70, 0.25])


def test_what_says_that_nothing_is_thought_is_an_option() -> None:
    found = AdaptThink(end="<short>")(asked("<short>5", "</think>5", right=(1, 1)), History())
    assert found == pytest.approx([0.30, 0.25])


def test_the_reference_must_have_been_measured() -> None:
    with pytest.raises(ValueError, match=r"data\.probe"):
        AdaptThink()(group(rollout(9, 1)), History())
