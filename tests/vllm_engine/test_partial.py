"""Rollouts that the real vLLM is paused in, and goes on with."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from split_rollouts import facts
from vllm_server import KEY, VOCABULARY, Client, end, start

from rl.rollouts import Ask, Completion, Sampling
from rl.rollouts.ask import Thinking
from rl.rollouts.partial import PartialRollout
from rl.rollouts.weights import write_weights
from rl.rollouts.workers.http import HttpWorker
from rl.rollouts.workers.worker import Source
from rl.thinking import closing_of, end_of


def test_greedy_rollouts_that_were_paused_are_those_that_nobody_paused(
    engine: Any, model: Any, lend: Any, tokenizer: Any, prompts: Any, eos: Any
) -> None:
    over = end_of(tokenizer, None)
    split = Thinking(30, 12, over, closing_of(tokenizer, "\n</think>\n", over))
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


@pytest.fixture
def own_worker() -> Iterator[Client]:
    """The one that others share is to have no weights yet."""
    client, process = start()
    yield client
    end(process)


@pytest.mark.slow
def test_a_worker_takes_in_weights_between_the_tokens_of_a_rollout_whose_prefix_they_compute_anew(
    own_worker: Client, model: Any, perturb: Any, prompts: Any, tmp_path: Path
) -> None:
    old, new = model, copy.deepcopy(model)
    perturb(new)
    for version, each in enumerate((old, new)):
        write_weights(each, tmp_path / str(version))
    ask = Ask(prompts[0], 220, 3, logprobs=True)

    async def run() -> Completion:
        worker = HttpWorker(own_worker.address, VOCABULARY, KEY)
        await worker.load(Source(1, 9, tmp_path / "0"))
        answer = asyncio.create_task(worker.complete(ask))
        await asyncio.sleep(0.3)
        await worker.load(Source(2, 9, tmp_path / "1", between_tokens=True))
        completion, weights = await answer
        await worker.close()
        assert weights == {Source(1, 9, None).id}, "the oldest"
        return replace(completion, segments=Source(2, 9, None).segments(completion.segments))

    completion = asyncio.run(run())
    (first, cut), (second, last) = completion.segments
    assert (first, second, last) == (1, 2, 220)
    assert 0 < cut < 220
    ids = torch.tensor([[*ask.prompt, *completion.token_ids]])
    for of, part in ((old, slice(0, cut)), (new, slice(cut, last))):
        with torch.no_grad():
            logits = of(ids).logits[0, len(ask.prompt) - 1 : -1]
        own = logits.log_softmax(-1).gather(1, ids[0, len(ask.prompt) :].unsqueeze(1)).squeeze(1)
        torch.testing.assert_close(own[part], torch.tensor(completion.logprobs)[part], atol=2e-4, rtol=1e-3)
