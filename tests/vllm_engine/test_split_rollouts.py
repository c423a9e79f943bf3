"""Prefixes and split budgets by the real vLLM, in process and by a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from split_rollouts import facts
from vllm_server import KEY, VOCABULARY, Client, end, start

from rl.rollouts import Ask, Completion, Sampling, TransformersEngine
from rl.rollouts.ask import Thinking
from rl.rollouts.weights import write_weights
from rl.rollouts.workers.http import HttpWorker
from rl.rollouts.workers.worker import Source
from rl.thinking import closing_of, end_of, first_end

Generate = Callable[[Sequence[Ask]], list[Completion]]


@pytest.fixture(scope="module")
def own_worker() -> Iterator[Client]:
    """The one that others share has been ended by an attack, or has no weights yet."""
    client, process = start()
    yield client
    end(process)


@pytest.fixture(params=["in process", "worker"])
def generate(request: Any, model: Any, lend: Any, tmp_path: Path) -> Generate:
    if request.param == "in process":
        engine = request.getfixturevalue("engine")
        engine.load_weights(lend(model), 7)
        return engine.generate  # type: ignore[no-any-return]
    worker = request.getfixturevalue("own_worker")
    write_weights(model, tmp_path / "weights")

    async def all_of(asks: Sequence[Ask]) -> list[Completion]:
        served = HttpWorker(worker.address, VOCABULARY, KEY)
        await served.load(Source(7, 0, tmp_path / "weights"))
        answers = await asyncio.gather(*(served.complete(ask) for ask in asks))
        await served.close()
        assert all(weights == {7} for _, weights in answers)
        return [completion for completion, _ in answers]

    return lambda asks: asyncio.run(all_of(asks))


@pytest.fixture
def asked(tokenizer: Any, prompts: Any, eos: Any) -> list[Ask]:
    """Of all kinds."""
    end = end_of(tokenizer, None)
    closing = closing_of(tokenizer, "\n</think>\n", end)
    begun = tuple(tokenizer("<think>\n")["input_ids"])
    kinds = [
        ((), None),
        (begun, None),
        ((), Thinking(8, 20, end, closing)),
        ((), Thinking(60, 5, end, closing)),
        (begun, Thinking(30, 12, end, closing)),
        (begun, Thinking(1, 9, end, closing)),
    ]
    return [
        Ask(prompts[i % 4], 25 if split is None else 3 + sum(split[:2]), 5 + i, Sampling(), eos, True, forced, split)
        for i, (forced, split) in enumerate(4 * kinds)
    ]


def test_greedy_rollouts_are_those_of_the_transformers_engine(generate: Generate, model: Any, asked: list[Ask]) -> None:
    greedy = [replace(ask, sampling=Sampling(temperature=0)) for ask in asked]
    ours = TransformersEngine(model).generate(greedy)
    assert [facts(each) for each in generate(greedy)] == [facts(each) for each in ours]
    assert {each.stop for each in ours} >= {"eos", "closed"}


def test_budgets_hold_and_a_rollout_is_a_function_of_its_seed(generate: Generate, asked: list[Ask]) -> None:
    found = generate(asked)
    assert [facts(each) for each in generate(asked[::-1])] == [facts(each) for each in found[::-1]]
    for ask, completion in zip(asked, found, strict=True):
        ids, forced = list(completion.token_ids), [place for span in completion.forced for place in range(*span)]
        assert ids[: len(ask.prefix)] == list(ask.prefix)
        assert [place for place, value in enumerate(completion.logprobs) if value != value] == forced
        assert len(ids) == len(completion.logprobs) <= ask.budget
        if ask.thinking is not None:
            end = first_end(ids, ask.thinking.end)
            assert (
                completion.stop == "eos" if end is None else len(ids) - end <= ask.thinking.answer + 1
            )  # of the closing
            assert (end or 0) <= ask.thinking.budget + len(ask.thinking.closing)
