from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rl.rollouts.workers.spread import Job, Limits, Spread, Ticket
from rl.rollouts.workers.standing import LONGEST_PAUSE, MOST_MISSED, Standing


def jobs_of(budgets: list[int], needs: int = 0) -> list[Job]:
    return [Job(number, 10, budget, needs) for number, budget in enumerate(budgets)]


calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
budgets = st.lists(st.integers(1, 500), min_size=1, max_size=30)


@calm
@given(budgets, st.data())
def test_every_rollout_is_settled_exactly_once_whatever_fails(budgets: list[int], data: st.DataObject) -> None:
    workers = data.draw(st.integers(1, 4))
    spread = Spread(workers, Limits(requests=data.draw(st.integers(1, 5)), tokens=data.draw(st.integers(1, 2000))))
    spread.add(jobs_of(budgets))
    serving = dict.fromkeys(range(workers), 0)
    known: list[Ticket] = []
    settled: Counter[int] = Counter()
    for _ in range(data.draw(st.integers(0, 40))):
        known += spread.assign(serving)
        known += spread.assign(serving, data.draw(st.sets(st.integers(0, workers - 1))) - set(serving))
        event = data.draw(st.sampled_from(["answer", "die", "return", "stale"]))
        worker = data.draw(st.integers(0, workers - 1))
        if event == "die":
            serving.pop(worker, None)
            spread.drop(worker)
            assert spread.under_way(worker) == spread.tokens(worker) == 0
        elif event == "return":
            serving[worker] = 0
        elif known:
            ticket = data.draw(st.sampled_from(known))  # of a worker that died, too: its answer was on the way
            if event == "stale":
                spread.give_back(ticket)
            else:
                settled[ticket.job.number] += spread.settle(ticket)
        held = sum(spread.under_way(w) for w in range(workers))
        assert spread.waiting() + held + sum(settled.values()) == len(budgets)
    serving[0] = 0
    while spread.waiting() or any(spread.under_way(w) for w in range(workers)):
        known += spread.assign(serving)
        for ticket in known:
            settled[ticket.job.number] += spread.settle(ticket)
    assert settled == Counter(range(len(budgets)))


@calm
@given(budgets, st.integers(1, 4))
def test_the_longest_budgets_start_first_and_no_worker_is_more_than_one_job_ahead(
    budgets: list[int], workers: int
) -> None:
    spread = Spread(workers)
    spread.add(jobs_of(budgets))
    tickets = spread.assign(dict.fromkeys(range(workers), 0))
    assert [t.job.budget for t in tickets] == sorted(budgets, reverse=True)
    loads = [spread.tokens(w) for w in range(workers)]
    assert max(loads) - min(loads) <= max(budgets) + 10


@calm
@given(budgets, st.integers(1, 5), st.integers(1, 3000))
def test_a_worker_never_has_more_than_its_limits_but_for_one_job_that_is_larger_than_they_are(
    budgets: list[int], requests: int, tokens: int
) -> None:
    spread = Spread(2, Limits(requests, tokens))
    spread.add(jobs_of(budgets))
    while spread.waiting():
        tickets = spread.assign({0: 0, 1: 0})
        assert tickets, "a waiting job starves"
        for worker in (0, 1):
            assert spread.under_way(worker) <= requests
            assert spread.tokens(worker) <= tokens or spread.under_way(worker) == 1
        for ticket in tickets:
            spread.settle(ticket)


def test_ranks_that_ask_for_little_do_not_all_ask_the_same_worker() -> None:
    asked = []
    for rank in range(4):
        spread = Spread(4, first=rank)
        spread.add(jobs_of([100]))
        asked += [ticket.worker for ticket in spread.assign(dict.fromkeys(range(4), 0))]
    assert asked == [0, 1, 2, 3]


def test_a_worker_with_older_weights_than_a_rollout_needs_does_not_get_it() -> None:
    spread = Spread(2)
    spread.add([Job(0, 10, 50, needs=3), Job(1, 10, 90, needs=4)])
    assert [(t.worker, t.job.number) for t in spread.assign({0: 3, 1: 2})] == [(0, 0)]
    assert [(t.worker, t.job.number) for t in spread.assign({0: 3, 1: 4})] == [(1, 1)]


@calm
@given(budgets)
def test_a_worker_that_is_coming_finds_its_share(budgets: list[int]) -> None:
    spread = Spread(2)
    spread.add(jobs_of(budgets))
    spread.assign({0: 0}, coming=[1])
    spread.assign({0: 0, 1: 0})
    assert not spread.waiting()
    assert abs(spread.tokens(0) - spread.tokens(1)) <= max(budgets) + 10


@calm
@given(budgets)
def test_nothing_is_kept_for_a_worker_that_is_coming_while_another_has_nothing_to_do(budgets: list[int]) -> None:
    spread = Spread(2)
    spread.add(jobs_of(budgets))
    settled = 0
    while spread.waiting():
        tickets = spread.assign({0: 0}, coming=[1])
        assert tickets
        settled += sum(spread.settle(ticket) for ticket in tickets)
    assert settled == len(budgets)


def test_withdrawn_rollouts_are_neither_asked_for_nor_settled() -> None:
    spread = Spread(1, Limits(requests=1))
    spread.add(jobs_of([5, 4, 3]))
    (first,) = spread.assign({0: 0})
    spread.withdraw([0, 1])
    assert not spread.settle(first)
    assert [t.job.number for t in spread.assign({0: 0})] == [2]


def test_a_rollout_is_blamed_for_its_own_answer_and_for_no_other() -> None:
    spread = Spread(1)
    spread.add(jobs_of([5, 4]))
    long, short = spread.assign({0: 0})
    spread.drop(0, blame=short)
    spread.drop(0, blame=long)  # its ticket was closed with the worker
    assert spread.blamed == {1: 1}


def test_a_failed_worker_is_asked_again_later_and_later_until_it_makes_a_rollout() -> None:
    standing, pauses = Standing(), []
    assert standing.due(0.0)
    for _ in range(9):
        standing.fail("refused", now=100.0)
        pauses.append(standing.retry_at - 100.0)
        assert not standing.due(100.0)
        assert standing.due(100.0 + pauses[-1])
        standing.join(7)
        assert not standing.due(1e9)
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE
    standing.answered()
    standing.fail("refused", now=0.0)
    assert standing.retry_at == 1


def test_a_worker_may_miss_a_heartbeat_but_not_many_in_a_row() -> None:
    standing = Standing()
    standing.join(0)
    for _ in range(MOST_MISSED - 1):
        assert not standing.miss()
    standing.answered()
    assert [standing.miss() for _ in range(MOST_MISSED)] == [False] * (MOST_MISSED - 1) + [True]
