"""Rollouts that the real vLLM is paused in, and goes on with."""

from __future__ import annotations

from typing import Any

import torch
from split_rollouts import facts

from rl.rollouts import Ask, Sampling
from rl.rollouts.ask import Thinking
from rl.rollouts.partial import PartialRollout
from rl.thinking import closing_of, end_of


def test_greedy_rollouts_that_were_paused_are_those_that_nobody_paused(
    engine: Any, model: Any, lend: Any, tokenizer: Any, prompts: Any, eos: Any
) -> None:
    end = end_of(tokenizer, None)
    split = Thinking(30, 12, end, closing_of(tokenizer, "\n</think>\n", end))
    asks = [
        Ask(prompts[i % 4], 10 + 9 * i if i % 3 else 60, i, Sampling(0.0), eos, True, thinking=None if i % 3 else split)
        for i in range(12)
    ]
    engine.load_weights(lend(model), 0)
    straight = engine.generate(asks)
    rollouts, rounds = [PartialRollout(ask) for ask in asks], 0
    while any(each.completion is None for each in rollouts):
        engine.load_weights(lend(model), rounds)
        wanted = 3 + sum(each.completion is not None for each in rollouts)
        engine.advance(rollouts, lambda wanted=wanted: sum(r.completion is not None for r in rollouts) >= wanted)
        rounds += 1
    assert rounds > 2
    assert [facts(each.completion) for each in rollouts] == [facts(each) for each in straight]
    several = [
        (each.completion, whole) for each, whole in zip(rollouts, straight, strict=True) if each.completion.segments
    ]
    assert len(several) > 2
    for completion, whole in several:
        versions, ends = zip(*completion.segments, strict=True)
        assert list(versions) == sorted(set(versions))
        assert ends[-1] == len(completion.token_ids)
        torch.testing.assert_close(
            torch.tensor(completion.logprobs), torch.tensor(whole.logprobs), atol=1e-4, rtol=1e-4, equal_nan=True
        )
