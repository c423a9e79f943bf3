"""Siblings that come one by one: whole groups, dead ones, late ones."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from rl.elsewhere.groups.barrier import Barrier

LONG = 60.0


class Scores:
    """Gives each member how many there are, and notes who was scored."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[str, ...], bool]] = []

    def __call__(self, members: Sequence[str], first: bool) -> list[str]:
        self.calls.append((tuple(members), first))
        return [f"{member}/{len(members)}" for member in members]


async def member(barrier: Barrier[str, str], name: str, size: int, key: str = "p", after: int = 0) -> str:
    async with barrier.place(key, size) as join:
        for _ in range(after):
            await asyncio.sleep(0)
        return await join(name)


def run(*coroutines: Coroutine[Any, Any, str]) -> list[Any]:
    async def together() -> list[Any]:
        return await asyncio.wait_for(asyncio.gather(*coroutines, return_exceptions=True), LONG)

    return asyncio.run(together())


def test_groups_are_scored_once_all_of_their_rollouts_are_there_whatever_the_order() -> None:
    scores = Scores()
    barrier = Barrier(scores, LONG)
    found = run(
        member(barrier, "a", 2, "p", after=5), member(barrier, "b", 3, "q"), member(barrier, "c", 2, "p"),
        member(barrier, "d", 3, "q", after=3), member(barrier, "e", 3, "q", after=1),
    )  # fmt: skip
    assert found == ["a/2", "b/3", "c/2", "d/3", "e/3"]
    assert sorted(scores.calls) == [(("b", "e", "d"), True), (("c", "a"), True)]
    assert (barrier.released, barrier.missing) == (0, 0)


def test_a_rollout_that_fails_lets_its_siblings_go_at_once_and_is_counted() -> None:
    async def failing(barrier: Barrier[str, str]) -> str:
        async with barrier.place("p", 3):
            await asyncio.sleep(0)
            raise RuntimeError("the engine died")

    barrier = Barrier(Scores(), LONG)
    found = run(member(barrier, "a", 3), failing(barrier), member(barrier, "b", 3))
    assert (found[0], found[2]) == ("a/2", "b/2")
    assert isinstance(found[1], RuntimeError)
    assert (barrier.released, barrier.missing) == (1, 1)
    assert run(failing(barrier), failing(barrier), failing(barrier)) != []  # nobody is left to be scored
    assert (barrier.released, barrier.missing) == (2, 4)


def test_a_rollout_that_never_comes_does_not_hang_its_siblings() -> None:
    barrier = Barrier(Scores(), patience=0.01)
    assert run(member(barrier, "a", 3), member(barrier, "b", 3)) == ["a/2", "b/2"]
    assert (barrier.released, barrier.missing) == (1, 1)


def test_one_that_comes_late_is_scored_with_those_that_had_come_and_they_are_not_taught_twice() -> None:
    scores = Scores()
    barrier = Barrier(scores, patience=0.01)
    let_go = asyncio.Event()

    async def early() -> str:
        value = await member(barrier, "a", 2)
        barrier.patience = LONG  # the group waits on for the other one
        let_go.set()
        return value

    async def late() -> str:
        await let_go.wait()
        return await member(barrier, "b", 2)

    assert run(early(), late()) == ["a/1", "b/2"]
    assert scores.calls == [(("a",), True), (("a", "b"), False)]
    assert (barrier.released, barrier.missing) == (1, 1)


def test_an_error_of_a_reward_reaches_every_sibling() -> None:
    def broken(members: Sequence[str], first: bool) -> list[str]:
        raise ValueError("no reward")

    found = run(*(member(Barrier(broken, LONG), "a", 1) for _ in range(1)))
    assert [str(each) for each in found] == ["no reward"]
    barrier: Barrier[str, str] = Barrier(broken, LONG)
    assert [str(each) for each in run(member(barrier, "a", 2), member(barrier, "b", 2))] == ["no reward"] * 2


def test_who_is_cancelled_while_it_waits_does_not_take_the_others_with_it() -> None:
    barrier = Barrier(Scores(), LONG)

    async def cancelled() -> str:
        waiting = asyncio.ensure_future(member(barrier, "a", 2))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return "gone"

    assert run(cancelled(), member(barrier, "b", 2, after=3)) == ["gone", "b/2"]
