"""Small things that tests make and collect: rollouts, groups, rounds, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rewards import Group, Problem, Rollout, Verdict

if TYPE_CHECKING:  # tests of pure packages do without torch
    from torch import Tensor


def rollout(
    length: int, correct: float | None, stop: Literal["eos", "length"] = "eos", text: str = "", budget: int = 10_000
) -> Rollout:
    verdict = {1: Verdict.CORRECT, 0: Verdict.WRONG, None: Verdict.CRASHED}[correct]
    return Rollout("p", length, stop, budget, verdict, correct, text)


def group(*rollouts: Rollout, id: str = "p") -> Group:
    return Group(Problem(id, "1+1=?", "2"), rollouts)


class Rounds(list[Any]):
    """Collects the rounds of a run."""

    __call__ = list.append


def parameters(trainer: Any) -> Tensor:
    """All of a trainer's parameters in one row."""
    import torch

    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])
