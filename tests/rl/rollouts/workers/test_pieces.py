"""Rollouts of several pieces, asked of workers that are processes of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from fake_worker import EOS, echo
from pools import answers, request
from workers import fake_workers

from rl.errors import UserError
from rl.rollouts import Completion
from rl.rollouts.ask import Ask, Thinking
from rl.rollouts.course import whole
from rl.rollouts.vllm.wire import sampling_params
from rl.rollouts.workers.worker import Source

THINKING = Thinking(6, 9, ((5,), (7,)), (5, 7))


def split(number: int) -> Ask:
    return replace(request(number, budget=17), prefix=(4, 4), thinking=THINKING)


def echoed(asks: Sequence[Ask]) -> list[Completion]:
    """What one worker makes of plain asks."""
    found = []
    for ask in asks:
        ids = echo(list(ask.prompt), sampling_params(ask)["seed"], ask.budget)
        found.append(Completion(tuple(ids), "eos" if ids[-1] == EOS else "length", (-1.0,) * len(ids)))
    return found


def facts(completions: Sequence[Completion]) -> list[Any]:
    return [(list(each.token_ids), each.stop, each.forced) for each in completions]


def test_a_rollout_of_several_pieces_is_one_job_among_others(make_pool: Any) -> None:
    mixed = [split(number) if number % 2 else asked for number, asked in enumerate(map(request, range(40)))]
    expected = whole(mixed, echoed)
    pieces = 40 + sum(len(completion.forced) == 2 for completion in expected)
    with fake_workers(2) as workers:
        pool = make_pool(workers, version=3)
        found = answers(pool, mixed)
        assert facts(found) == facts(expected)
        assert {completion.weight_version for completion in found} == {3}
        assert sum(worker.seen()["asked"] for worker in workers) == pieces > 45
        alone = pool.ask_one(1, mixed)
        assert facts(alone) == facts(expected)
        assert not pool.counts["worker_failures"]


@pytest.mark.parametrize("mode", ["die", "stale"])
def test_a_rollout_whose_worker_fails_between_its_pieces_is_made_once_by_another(make_pool: Any, mode: str) -> None:
    number, expected = next((n, done) for n in range(99) if len((done := whole([split(n)], echoed))[0].forced) == 2)
    with fake_workers(2) as workers:
        pool = make_pool(workers)
        while pool.serving() < 2:
            time.sleep(0.02)
        workers[0].goes(mode, after=1)
        assert facts(answers(pool, [split(number)])) == facts(expected)
        assert pool.counts["worker_failures"] == pool.counts["retried"] == 1
        assert pool.counts["stale_answers"] == (mode == "stale")
        assert workers[1].seen()["asked"] == 2


def test_a_worker_that_has_no_room_for_all_pieces_is_asked_for_none(make_pool: Any) -> None:
    with fake_workers(1, "--max-model-len", "20") as workers:
        with pytest.raises(UserError, match="takes 20 tokens, and a prompt with its budget has 21"):
            answers(make_pool(workers), [split(1)])
        assert workers[0].seen()["asked"] == 0


def test_of_the_weights_of_several_pieces_the_oldest_count_and_those_of_another_run_none() -> None:
    ours, old, foreign = (Source(version, nonce, None) for version, nonce in ((4, 7), (3, 7), (9, 8)))
    assert ours.oldest([ours.id, old.id]) == 3
    assert ours.oldest({ours.id}) == 4
    assert ours.oldest([ours.id, foreign.id]) is None
    assert ours.oldest([ours.id, None]) is None
