"""What a report draws: the answers of one model, and how training went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rl.errors import UserError
from rl.evaluation import Evaluation
from rl.run_folder import RunFolder


@dataclass(frozen=True)
class Arm:
    """One set of answers to the held-out problems, with its place in every plot."""

    label: str
    color: str
    evaluation: Evaluation
    metrics: list[dict[str, Any]]
    """The training steps that led to it; none for an untrained model."""


GREY, METHOD_COLORS = "#8a8f98", ("#0b7285", "#d9480f", "#5f3dc4", "#2b8a3e", "#c2255c", "#e67700")


def arms_of(runs: Iterable[tuple[str, RunFolder]]) -> list[Arm]:
    """The arms of finished runs: the first `before` there is, then each run's `after`."""
    arms: list[Arm] = []
    for (label, run), color in zip(runs, METHOD_COLORS * 10, strict=False):
        if not arms and run.evaluation("before").is_file():
            arms.append(Arm("before", GREY, Evaluation.load(run.evaluation("before")), []))
        if not run.evaluation("after").is_file():
            raise UserError(f"{run.path} holds no finished evaluation; is it a finished run with `data.eval`?")
        arms.append(Arm(label, color, Evaluation.load(run.evaluation("after")), run.logged()))
    return arms
