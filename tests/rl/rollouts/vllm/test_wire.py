"""Completions as vLLM answers them: read exactly, refused where they are not what was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl.rollouts import Ask, Completion
from rl.rollouts.vllm.wire import BadAnswer, read_answer, sampling_params

EOS = [2, 7]


def answer(ids: Any, reason: Any, logprobs: Any = None, versions: Any = ("3",)) -> dict[str, Any]:
    content = None if logprobs is None else {"content": [{"token_id": 0, "logprob": value} for value in logprobs]}
    spans = [{"version": version, "start": 0, "end": 1} for version in versions]
    return {"choices": [{"token_ids": ids, "finish_reason": reason, "logprobs": content, "weight_versions": spans}]}


def read(given: Any, budget: int = 4, version: int | None = 3, asked: bool = False) -> Completion:
    return read_answer(given, Ask([1], budget, 0, eos_ids=EOS, logprobs=asked), version)


def test_an_answer_becomes_a_completion() -> None:
    assert read(answer([5, 6, 7], "stop")) == Completion((5, 6, 7), "eos", (), 3)
    assert read(answer([5, 6, 5, 6], "length")) == Completion((5, 6, 5, 6), "length", (), 3)
    assert read(answer([5, 6, 5, 2], "stop", [-1, -2, -3, -4]), asked=True).logprobs == (-1, -2, -3, -4)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (answer([5, 6], "abort"), "ended by 'abort'"),
        (answer([5, 6], None), "ended by None"),
        (answer([], "stop"), "0 tokens for a budget of 4"),
        (answer(None, "length"), "0 tokens"),
        (answer([5] * 5, "length"), "5 tokens for a budget of 4"),
        (answer([5, 6], "stop"), "do not bear out"),
        (answer([5, 2], "length"), "do not bear out"),
        (answer([2, 5, 2], "stop"), "do not bear out"),
        (answer([5, 6], "length"), "cut at 2 tokens, before its budget"),
        (answer([5, 2], "stop", versions=("2",)), "weights 2, not 3"),
        (answer([5, 2], "stop", versions=("2", "3")), "weights 2, 3, not 3"),
        (answer([5, 2], "stop", versions=()), "weights unknown, not 3"),
        ({"choices": []}, "not vLLM's form"),
        ({"choices": [{}]}, "not vLLM's form"),
        ({}, "not vLLM's form"),
        ({"choices": [{"token_ids": ["x"], "finish_reason": "stop"}]}, "not vLLM's form"),
        (None, "not vLLM's form"),
        ([1], "not vLLM's form"),
    ],
)
def test_what_is_no_completion_of_what_was_asked_is_refused(bad: Any, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        read(bad)


def test_log_probs_that_were_asked_for_must_be_there() -> None:
    with pytest.raises(BadAnswer, match="1 log-probs for 2 tokens"):
        read(answer([5, 2], "stop", [-1.0]), asked=True)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda s: (
            st.lists(s, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "token_ids", "finish_reason", "logprobs", "content", "weight_versions", "version"]
                ),
                s,
            )
        ),
    )
)
def test_garbage_is_refused_and_nothing_else_is_raised(garbage: Any) -> None:
    with pytest.raises(BadAnswer):
        read(garbage)


def test_switches_that_are_off_are_off_in_vllms_terms() -> None:
    asked = sampling_params(Ask([1], 9, 5, eos_ids=EOS))
    assert (asked["top_p"], asked["top_k"], asked["min_p"], asked["logprobs"]) == (1.0, 0, 0.0, None)
    assert (asked["max_tokens"], asked["stop_token_ids"], asked["seed"]) == (9, EOS, 5)
