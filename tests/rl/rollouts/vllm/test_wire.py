"""Completions as workers answer them: read exactly, refused where they are not what was asked for."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl.rollouts import Ask, Completion, stable_seed
from rl.rollouts.vllm.wire import BadAnswer, read, sampling_params, written

EOS, VOCABULARY = [2, 7], 10


def answer(ids: list[int], reason: Any, values: list[float] | tuple[()] = (), **changed: Any) -> bytes:
    """By hand: a line of JSON, int32, float32."""
    head = {"request_id": "r", "tokens": len(ids), "logprobs": len(values), "finish_reason": reason, "versions": ["3"]}
    numbers = struct.pack(f"<{len(ids)}i{len(values)}f", *ids, *values)
    return json.dumps(head | changed).encode() + b"\n" + numbers


def got(given: bytes, budget: int = 4, asked: bool = False) -> tuple[Completion, int | None]:
    return read(given, Ask([1], budget, 0, eos_ids=EOS, logprobs=asked), VOCABULARY, "r")


def test_an_answer_becomes_a_completion() -> None:
    assert got(answer([5, 6, 7], "stop")) == (Completion((5, 6, 7), "eos"), 3)
    assert got(answer([5, 6, 5, 6], "length", versions=["4", "2"])) == (Completion((5, 6, 5, 6), "length"), 2)
    completion, version = got(answer([5, 6, 5, 2], "stop", [-1, -2, -3.5, 0], versions=[]), asked=True)
    assert (completion.logprobs, version) == ((-1, -2, -3.5, 0), None)


def test_several_weights_name_the_tokens_that_each_drew() -> None:
    sent = written("r", [5, 6, 5, 6], [], "length", ["4", "7"], [3, 4])
    completion, oldest = got(sent)
    assert (completion.segments, oldest) == (((4, 3), (7, 4)), 4)
    for ends in ([4, 3], [0, 4], [3, 5], [4], [3, 3, 4]):
        with pytest.raises(BadAnswer, match="weights that end at"):
            got(answer([5, 6, 5, 6], "length", versions=["4", "7"], ends=ends))


def test_eight_bytes_a_token_are_written_and_read_back_as_they_were() -> None:
    ids, logprobs = [5] * 999 + [2], [-0.1] * 1000
    sent = written("r", ids, logprobs, "stop", ["3"])
    assert sent == answer(ids, "stop", logprobs)
    assert 8_000 < len(sent) < 8_100
    assert got(sent, 1000, asked=True)[0].logprobs == struct.unpack("<1000f", struct.pack("<1000f", *logprobs))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (answer([5, 6], "abort"), "ended by 'abort'"),
        (answer([5, 6], None), "ended by None"),
        (answer([], "stop"), "0 tokens for a budget of 4"),
        (answer([5] * 5, "length"), "5 tokens for a budget of 4"),
        (answer([5, 6], "stop"), "do not bear out"),
        (answer([5, 2], "length"), "do not bear out"),
        (answer([2, 5, 2], "stop"), "do not bear out"),
        (answer([5, 6], "length"), "cut at 2 tokens, before its budget"),
        (answer([5, 2], "stop", request_id="s"), "answers another request"),
        (answer([5, 2], "stop", tokens=3), "8 bytes for 3 tokens and 0 log-probs"),
        (answer([5, 2], "stop", tokens=-1, logprobs=3), "8 bytes for -1 tokens"),
        (answer([5, 2], "stop", tokens=2.0), r"8 bytes for 2\.0 tokens"),
        (answer([5, 2], "stop", versions=["latest"]), "not a worker's form"),
        (answer([10, 2], "stop"), "outside the vocabulary of 10"),
        (answer([-5, 2], "stop"), "outside the vocabulary of 10"),
        (answer([5, 2], "stop", [-1, float("nan")]), "cannot be"),
        (answer([5, 2], "stop", [-1, float("-inf")]), "cannot be"),
        (answer([5, 2], "stop", [-1, 0.01]), "cannot be"),
        (b"", "not a worker's form"),
        (b"[1]", "not a worker's form"),
        (b"{}", "not a worker's form"),
        (b"[" * 100_000, "not a worker's form"),
        (b"<html>", "not a worker's form"),
    ],
)
def test_what_is_no_completion_of_what_was_asked_is_refused(bad: bytes, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        got(bad)


def test_log_probs_that_were_asked_for_must_be_there() -> None:
    with pytest.raises(BadAnswer, match="1 log-probs for 2 tokens"):
        got(answer([5, 2], "stop", [-1.0]), asked=True)


@given(
    st.dictionaries(
        st.sampled_from(["request_id", "tokens", "logprobs", "finish_reason", "versions"]),
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers() | st.floats(), max_size=2),
    ),
    st.binary(max_size=16),
)
def test_garbage_is_refused_and_nothing_else_is_raised(head: dict[str, Any], rest: bytes) -> None:
    with pytest.raises(BadAnswer):
        got(answer([5, 6], "stop", **head) + rest)


def test_switches_that_are_off_are_off_in_vllms_terms() -> None:
    asked = sampling_params(Ask([1], 9, 5, eos_ids=EOS))
    assert (asked["top_p"], asked["top_k"], asked["min_p"], asked["logprobs"]) == (1.0, 0, 0.0, None)
    assert (asked["max_tokens"], asked["stop_token_ids"], asked["seed"]) == (9, EOS, 5)


def test_a_rollout_that_goes_on_draws_by_a_seed_of_that_place() -> None:
    seeds = [sampling_params(Ask([1], 4, 5, place=place))["seed"] for place in (0, 3, 4)]
    assert seeds == [5, stable_seed(5, 3), stable_seed(5, 4)]
