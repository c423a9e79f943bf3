"""The pool of workers against real processes that go wrong."""

import time
from pathlib import Path
from typing import Any

import pytest
from fake_worker import EOS, echo
from pools import NONCE, answers, request, source
from processes import PATIENCE, wait_until
from workers import fake_workers

from rl.errors import UserError
from rl.rollouts import Completion
from rl.rollouts.ask import Ask
from rl.rollouts.workers import standing
from rl.rollouts.workers.spread import Limits
from rl.rollouts.workers.worker import Timing


def assert_right(completions: list[Completion], requests: list[Ask], version: int = 0) -> None:
    """Each rollout is the one of its own request."""
    for completion, asked in zip(completions, requests, strict=True):
        assert list(completion.token_ids) == echo(list(asked.prompt), asked.seed, asked.budget)
        assert completion.stop == ("eos" if completion.token_ids[-1] == EOS else "length")
        assert len(completion.logprobs) == len(completion.token_ids)
        assert completion.weight_version == version


REQUESTS = [request(number, budget=5 + 7 * (number % 9)) for number in range(40)]


def test_rollouts_come_in_the_order_of_their_prompts_and_all_workers_make_some(make_pool: Any) -> None:
    with fake_workers(2) as workers:
        pool = make_pool(workers)
        assert_right(answers(pool, REQUESTS), REQUESTS)
        seen = [worker.seen() for worker in workers]
        assert [each["loads"] for each in seen] == [1, 1]
        assert min(each["answered"] for each in seen) >= 1
        assert sum(each["asked"] for each in seen) == 40
        assert not pool.counts["worker_failures"]


WRONG = (
    "error", "text", "unknown tokens", "too long", "no tokens", "missing", "two", "aborted", "other logprobs", "huge",
    "stale", "die", "infinite version", "infinite log-prob", "401", "nested",
)  # fmt: skip


@pytest.mark.parametrize("mode", WRONG)
def test_a_worker_that_answers_wrongly_is_dropped_and_the_others_make_its_rollouts(make_pool: Any, mode: str) -> None:
    with fake_workers(2) as workers:
        pool = make_pool(workers, limits=Limits(requests=4))
        workers[1].goes(mode, after=5)
        assert_right(answers(pool, REQUESTS), REQUESTS)
        assert pool.counts["worker_failures"] >= 1
        assert pool.counts["retried"] >= 1
        assert any(workers[1].address in line and "is left out" in line for line in pool.said)


@pytest.mark.parametrize("mode", ["hang", "hang all"])
def test_a_worker_that_hangs_is_dropped_after_its_time(make_pool: Any, mode: str) -> None:
    with fake_workers(2) as workers:
        pool = make_pool(workers, limits=Limits(requests=4))
        workers[0].goes(mode, after=3)
        assert_right(answers(pool, REQUESTS), REQUESTS)
        assert pool.counts["worker_failures"] >= 1


def test_a_frozen_worker_is_found_by_its_heartbeat_long_before_a_long_rollout_is_due(make_pool: Any) -> None:
    with fake_workers(2) as workers:
        pool = make_pool(workers, timing=Timing(floor=600.0, probe=0.3), limits=Limits(requests=4))
        while pool.serving() < 2:  # on a busy machine one is found late
            time.sleep(0.02)
        for worker in workers:
            worker.goes("well", seconds=0.2)
        futures = pool.submit(REQUESTS, 0)
        time.sleep(0.3)
        workers[1].stop()
        assert_right([future.result(timeout=PATIENCE) for future in futures], REQUESTS)
        assert "no sign of life" in " ".join(pool.said)


def test_rollouts_of_a_worker_that_is_left_out_go_to_one_that_has_nothing_to_do(make_pool: Any) -> None:
    with fake_workers(2) as workers:
        pool = make_pool(workers, limits=Limits(requests=4))
        while pool.serving() < 2:
            time.sleep(0.02)
        workers[0].goes("hang all")
        futures = pool.submit(REQUESTS[:8], 0)
        while workers[1].seen()["answered"] < 4:
            time.sleep(0.02)
        time.sleep(0.2)
        pool.leave_out(0, "it is told to")
        assert_right([future.result(timeout=PATIENCE) for future in futures], REQUESTS[:8])


def test_a_killed_worker_comes_back_with_the_current_weights_first(make_pool: Any, tmp_path: Path) -> None:
    with fake_workers(2) as workers:
        pool = make_pool(workers)
        for worker in workers:
            worker.goes("well", seconds=0.2)
        futures = pool.submit(REQUESTS, 0)
        time.sleep(0.3)
        workers[0].kill()
        assert_right([future.result(timeout=PATIENCE) for future in futures], REQUESTS)
        assert pool.counts["worker_failures"] == 1
        pool.publish(source(tmp_path, 1))
        workers[0].start()
        deadline = time.monotonic() + PATIENCE
        while pool.serving() < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert any("serves again" in line for line in pool.said)
        assert_right(answers(pool, REQUESTS, needs=1), REQUESTS, version=1)
        assert workers[0].seen()["answered"] > 0
        assert workers[0].seen()["version"] == source(tmp_path, 1).id


def test_weights_are_brought_to_every_worker_before_it_makes_a_rollout_of_them(make_pool: Any, tmp_path: Path) -> None:
    with fake_workers(3) as workers:
        pool = make_pool(workers)
        for version in range(4):
            pool.publish(source(tmp_path, version))
            assert_right(answers(pool, REQUESTS, needs=version), REQUESTS, version)
        assert [worker.seen()["loads"] for worker in workers] == [4, 4, 4]
        assert not pool.counts["worker_failures"]


def test_weights_of_another_run_are_not_taken_for_ours(make_pool: Any, tmp_path: Path) -> None:
    with fake_workers(1) as workers:
        first = make_pool(workers, version=3)
        answers(first, REQUESTS[:2])
        first.close()  # or both would bring the worker theirs in turn
        other = make_pool(workers, version=3)
        assert workers[0].seen()["loads"] == 1  # the same run: they are there
        other.publish(source(tmp_path, 3, nonce=NONCE + 1))
        assert_right(answers(other, REQUESTS[:2], needs=3), REQUESTS[:2], version=3)
        assert workers[0].seen()["loads"] == 2


def test_another_rank_waits_until_rank_0_has_brought_the_weights(make_pool: Any) -> None:
    with fake_workers(1) as workers:
        second = make_pool(workers, rank=1)
        futures = second.submit(REQUESTS[:3], 0)
        time.sleep(1)
        assert not any(future.done() for future in futures)
        make_pool(workers, rank=0)
        assert_right([future.result(timeout=PATIENCE) for future in futures], REQUESTS[:3])
        assert workers[0].seen()["loads"] == 1
        assert not second.counts["worker_failures"]


def test_a_worker_that_takes_in_weights_is_asked_again_and_has_not_failed(make_pool: Any, tmp_path: Path) -> None:
    with fake_workers(1) as workers:
        first, second = make_pool(workers), make_pool(workers, rank=1)
        assert_right(answers(second, REQUESTS[:3]), REQUESTS[:3])
        workers[0].goes("well", seconds=0.5)
        first.publish(source(tmp_path, 1))
        time.sleep(0.2)
        completions = answers(second, REQUESTS[:3])  # of version 0 or later, of a worker that brings itself to 1
        assert second.counts["worker_failures"] == second.counts["stale_answers"] == 0
        assert_right(completions, REQUESTS[:3], version=1)


def test_a_worker_that_was_started_anew_while_idle_gets_the_weights_again(make_pool: Any) -> None:
    with fake_workers(1) as workers:
        pool = make_pool(workers)
        answers(pool, REQUESTS[:1])
        workers[0].kill()
        workers[0].start()
        deadline = time.monotonic() + PATIENCE
        while not workers[0].seen()["loads"] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert_right(answers(pool, REQUESTS), REQUESTS)


def test_weights_are_uploaded_where_the_worker_does_not_see_the_folder(make_pool: Any) -> None:
    with fake_workers(1, "--upload-only") as workers:
        assert_right(answers(make_pool(workers), REQUESTS[:3]), REQUESTS[:3])
        assert workers[0].seen()["uploads"] == 1


def test_a_worker_that_cannot_load_does_not_serve_and_says_why(make_pool: Any) -> None:
    with fake_workers(2) as workers:
        workers[0].goes("cannot load")
        pool = make_pool(workers)
        assert_right(answers(pool, REQUESTS), REQUESTS)
        assert "500 out of memory" in pool.reasons()
        assert workers[0].seen()["asked"] == 0


def test_no_worker_has_more_than_its_share_under_way(make_pool: Any) -> None:
    with fake_workers(2) as workers:
        pool = make_pool(workers, limits=Limits(requests=3))
        for worker in workers:
            worker.goes("well", seconds=0.05)
        answers(pool, REQUESTS)
        assert all(1 < worker.seen()["at_once"] <= 3 for worker in workers)


def test_the_key_is_sent_and_a_wrong_one_is_said(make_pool: Any) -> None:
    with fake_workers(1, "--key", "secret") as workers:
        assert_right(answers(make_pool(workers, key="secret"), REQUESTS[:3]), REQUESTS[:3])
        wrong = make_pool(workers, key="guess")
        futures = wrong.submit(REQUESTS[:1], 0)
        time.sleep(1)
        assert not futures[0].done()
        assert "401 wrong API key" in wrong.reasons()


def test_a_request_that_no_worker_can_serve_ends_with_its_reason(make_pool: Any) -> None:
    with fake_workers(2, "--max-model-len", "30") as workers:
        pool = make_pool(workers)
        with pytest.raises(UserError, match="takes 30 tokens, and a prompt with its budget has 104"):
            answers(pool, [request(0, budget=100)])
        assert_right(answers(pool, REQUESTS[:1]), REQUESTS[:1])


def test_a_worker_with_less_room_is_left_out_for_what_it_cannot_make_and_the_other_makes_it(make_pool: Any) -> None:
    with fake_workers(1, "--max-model-len", "30") as small, fake_workers(1) as large:
        pool = make_pool([*small, *large])
        while pool.serving() < 2:
            time.sleep(0.02)
        assert_right(answers(pool, REQUESTS), REQUESTS)
        told = [line for line in pool.said if small[0].address in line and "is left out" in line]
        assert "takes 30 tokens" in told[0]
        assert "start it with a larger --max-model-len" in told[0]
        large[0].kill()
        futures = pool.submit([request(0, budget=100)], 0)
        time.sleep(2)
        assert pool.deserted() > 0.5  # although the small one is there
        assert "takes 30 tokens" in pool.reasons()
        assert not futures[0].done()


def test_a_rollout_that_costs_worker_after_worker_ends_the_run(make_pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "LONGEST_PAUSE", 0.1)
    with fake_workers(1, "--mode", "error") as workers, pytest.raises(UserError, match="failed 10 times on one prompt"):
        answers(make_pool(workers), REQUESTS[:1])


def test_while_nobody_serves_rollouts_wait_and_the_pool_says_for_how_long(make_pool: Any) -> None:
    with fake_workers(1) as workers:
        pool = make_pool(workers)
        answers(pool, REQUESTS[:1])
        assert pool.deserted() == 0
        workers[0].kill()
        futures = pool.submit(REQUESTS, 0)
        wait_until(lambda: pool.deserted() > 0.2, "the pool has seen that its worker is gone")
        assert workers[0].address in pool.reasons()
        workers[0].start()
        assert_right([future.result(timeout=PATIENCE) for future in futures], REQUESTS)
        assert pool.deserted() == 0


def test_withdrawn_rollouts_are_given_up(make_pool: Any) -> None:
    with fake_workers(1) as workers:
        pool = make_pool(workers, limits=Limits(requests=2))
        workers[0].goes("hang all")
        futures = pool.submit(REQUESTS, 0)
        time.sleep(0.5)
        pool.withdraw(futures)
        workers[0].goes("well")
        assert_right(answers(pool, REQUESTS[:5]), REQUESTS[:5])
        assert not any(future.done() for future in futures)
        assert not pool.counts["worker_failures"]
