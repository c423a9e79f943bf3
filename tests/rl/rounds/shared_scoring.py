"""Run by itself: three rounds by chance on one rank and on two, and what their rewards were asked.

Writes what each rank finds as JSON into the folder that it is given.
"""

import json
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import thinker

from curricula import Constant
from rewards import Group, HistoryView, Problem
from rewards.edits.s_grpo import SGrpo
from rewards.length.hapo import Hapo
from rewards.length.s_grpo import SGrpo as Place
from rewards.types import Values
from rewards.verifier.exact import ExactMatch
from rl.errors import UserError
from rl.plugins.rewards import OneTerm
from rl.rollouts import Ask, Completion
from rl.rounds.asking import Asker
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings


class ByChance:
    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        draws = [random.Random(ask.seed) for ask in asks]
        return [Completion((*[0] * draw.randint(1, 40), draw.randint(1, 2)), "eos") for draw in draws]


class Third:
    """A third of the length, which no float32 has exactly; None for the longest."""

    name = "third"
    group_only = True

    def __init__(self, refused: str = "") -> None:
        self.calls: Counter[str] = Counter()
        self.refused = refused

    def __call__(self, group: Group, history: HistoryView) -> Values:
        self.calls[group.problem.id] += 1
        if group.problem.id == self.refused:
            raise ValueError("not this one")
        most = max(r.length for r in group.rollouts)
        return [None if r.length == most else r.length / 3 for r in group.rollouts]

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        return {"whole": self(group, history)}


class Undeclared(Third):
    """The same, by a reward that counts on being asked for every group."""

    name = "undeclared"
    group_only = False

    def __call__(self, group: Group, history: HistoryView) -> Values:
        found = super().__call__(group, history)
        return [None if value is None else value + self.calls.total() for value in found]


class OfBatch(Third):
    """The same, of the longest in the batch."""

    name = "of-batch"

    def batch(self, groups: Sequence[Group], history: HistoryView) -> list[Values]:
        self.calls.update(group.problem.id for group in groups)
        most = max(r.length for group in groups for r in group.rollouts)
        return [[None if r.length == most else r.length / most / 3 for r in group.rollouts] for group in groups]


def rounds(rewards: Sequence[Any]) -> list[Any]:
    """Of each, the values of all its groups, as they are to the last bit."""
    problems = [Problem(str(n), f"Say 1, please ({n}).", "1") for n in range(15)]
    maker = RoundMaker(
        problems,
        rewards,
        Budgets(Constant(64)),
        ExactMatch(),
        Asker(ByChance(), encode=lambda prompts: [[1] for _ in prompts]),
        lambda completions: [rf"\boxed{{{completion.token_ids[-1]}}}" for completion in completions],
        RoundSettings(groups=5, size=2, dynamic=True, draws=3),
    )
    made = [maker.make(step) for step in range(3)]
    return [
        [[s.group.problem.id, str(s.terms.tolist()), str(s.totals.tolist())] for s in round_.everything()]
        for round_ in made
    ]


def edited() -> list[list[Any]]:
    """Of each rollout of a round whose groups are exits of one, what it says and what of it trains."""
    maker = thinker.maker(thinker.Thinker(), size=5, edits=[SGrpo(answer=8)], rewards=[Place()])
    rounds = [maker.make(step) for step in range(2)]
    return [
        [r.text, r.root, r.branched, r.masked, str(list(r.logprobs)), round_.tokens]
        for round_ in rounds
        for r in round_.rollouts()
    ]


def found() -> dict[str, Any]:
    """On this rank."""
    shared, term, own, together = Third(), Third(), Undeclared(), OfBatch()
    values = rounds([shared, Hapo(), own, OneTerm(term, "whole"), together])
    try:
        rounds([Third(refused="7")])
        refused = "nothing"
    except UserError as error:
        refused = str(error)
    return {
        "rounds": values,
        "shared": shared.calls,
        "term": term.calls,
        "own": own.calls,
        "refused": refused,
        "edited": edited(),
        "batch": together.calls,
    }


def write(folder: Path, rank: int, ranks: int, port: int) -> None:
    """What is found on a rank of so many, into a file that its number names."""
    launch = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in launch.items() if ranks > 1})
    (folder / f"{rank}-of-{ranks}.json").write_text(json.dumps(found()))


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    # Forked, as what is imported takes longer than all the rest.
    forked = [
        get_context("fork").Process(target=write, args=(Path(sys.argv[1]), rank, ranks, free))
        for rank, ranks in ((0, 1), (0, 2), (1, 2))
    ]
    for process in forked:
        process.start()
    for process in forked:
        process.join()
