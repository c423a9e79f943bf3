"""Every check of a single row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from data_synth.check.chains import Fault, chain_faults
from data_synth.check.documents import document_faults
from data_synth.check.needles import assignment_faults, needle_faults
from data_synth.check.parsed import LINKED, QUESTIONS, Parsed
from data_synth.check.questions import question_faults

TASKS = (*QUESTIONS, "niah-single", "niah-multikey", "niah-multivalue", "niah-multiquery", "variable-tracking")

__all__ = ["TASKS", "Fault", "Limits", "check_row"]


@dataclass(frozen=True)
class Limits:
    """What a row is held to."""

    fill: float = 0.995
    """Share of the target that the prompt has at least."""
    strict_leak: bool = False
    """Whether the answer may not stand in any document but the gold ones."""


def check_row(parsed: Parsed, tokens: int, limits: Limits) -> list[Fault]:
    """All faults of a row whose whole prompt has `tokens` tokens."""
    row = parsed.row
    faults = list(_own(parsed)) + list(_budget(parsed, tokens, limits))
    if row.task == LINKED:
        faults += chain_faults(parsed)
    elif row.task in TASKS and (parsed.links or parsed.broken):
        faults.append(Fault("links", f"a {row.task} prompt with links"))
    faults += document_faults(parsed)
    faults += question_faults(parsed, limits.strict_leak)
    faults += [Fault("needles", reason) for reason in _needles(parsed)]
    return faults


def _own(parsed: Parsed) -> Iterator[Fault]:
    row = parsed.row
    if row.task not in TASKS:
        yield Fault("columns", f"task {row.task!r} is none of {', '.join(TASKS)}")
    if len(row.id) != 16 or not set(row.id) <= set("0123456789abcdef"):
        yield Fault("columns", f"id {row.id!r} is not 16 hexadecimal digits")
    if row.ground_truth is not None and row.ground_truth != row.answer:
        yield Fault("columns", f"reward_model has the ground truth {row.ground_truth!r}, the answer is {row.answer!r}")


def _budget(parsed: Parsed, tokens: int, limits: Limits) -> Iterator[Fault]:
    row = parsed.row
    if tokens > row.target:
        yield Fault("over-budget", f"{tokens} tokens, {tokens - row.target} over the target of {row.target}")
    elif tokens < limits.fill * row.target:
        yield Fault("fill", f"{tokens} tokens are {tokens / row.target:.2%} of the target, not {limits.fill:.1%}")
    if tokens != row.n_tokens:
        yield Fault("count", f"{tokens} tokens, the row says {row.n_tokens}")


def _needles(parsed: Parsed) -> Iterator[str]:
    row = parsed.row
    if row.task.startswith("niah"):
        yield from needle_faults(row.task, parsed.needles, parsed.foot, row.question, row.answer)
    elif row.task == "variable-tracking":
        yield from assignment_faults(parsed.needles, parsed.foot, row.question, row.answer)
