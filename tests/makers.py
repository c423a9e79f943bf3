"""Small things that tests make: rollouts, groups, problems."""

from __future__ import annotations

from typing import Literal

from rewards import Group, Problem, Rollout, Verdict


def rollout(
    length: int, correct: float | None, stop: Literal["eos", "length"] = "eos", text: str = "", budget: int = 10_000
) -> Rollout:
    verdict = {1: Verdict.CORRECT, 0: Verdict.WRONG, None: Verdict.CRASHED}[correct]
    return Rollout("p", length, stop, budget, verdict, correct, text)


def group(*rollouts: Rollout, id: str = "p") -> Group:
    return Group(Problem(id, "1+1=?", "2"), rollouts)
