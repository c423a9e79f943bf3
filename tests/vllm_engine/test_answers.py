"""The benchmark of workers' answers, on a short rollout."""

import pytest

from experiments.benchmarks import answers
from rl.rollouts import Completion


@pytest.mark.parametrize("way", answers.WAYS)
def test_both_ways_bring_the_rollout_and_ours_takes_eight_bytes_a_token(way: str) -> None:
    rows = answers.drawn(300)
    make, take = answers.WAYS[way]
    body = make(rows)
    ids, logprobs = zip(*rows, strict=True)
    assert take(body, 300) == Completion(ids, "eos", logprobs)
    assert (len(body) < 9 * 300) == (way == "`/lengthwise/generate`")
    assert answers.measure(make, take, rows)["bytes"] == len(body) / 300
