"""The embedded task in two modes: answered at once, or after thinking.

A trace says first which it is, by one token. Either way its answer part works the sum in words of its own, so that it
takes tokens by the terms, and loses where it is cut. What the thinking has worked out stands as it was last; the rest
goes wrong as often as a first pass does. So thinking pays, and less where it is closed too early.

Everything here is a pure function of its seed.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from data_synth.arithmetic import Habits, Sum, think, work

SHORT, THINK, END = "<short>", "<think>", "</think>"
MARKS = (THINK, END, SHORT)
"""What begins a mode, and what ends thinking."""

_PIECE = re.compile(r"\d+| ?[^\W\d]+|\W")
_STEP = re.compile(r"^(\d+[+-]\d+)=(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Manner:
    """How the demonstrator answers. Shares in [0, 1]."""

    short: float = 0.5
    """Of traces, that do not think."""
    stated: float = 0.25
    """Of thoughts, that begin with a number of tokens, to which no heed is paid."""
    early: float = 0.2
    """Of thoughts, that end anywhere."""
    habits: Habits = field(default_factory=lambda: Habits(first_error=0.2))


def solve(problem: Sum, rng: random.Random, manner: Manner | None = None) -> str:
    """One trace: `<short>`, or `<think>` passes `</think>`; then steps and what they come to, boxed."""
    manner = manner or Manner()
    if rng.random() < manner.short:
        return f"{SHORT}\n{_answer(problem, rng, manner, '')}"
    stated = f"({rng.randint(10, 250)} tokens)\n" if rng.random() < manner.stated else ""
    thought = _thought(problem, rng, manner)
    return f"{THINK}\n{stated}{thought}{END}\n{_answer(problem, rng, manner, thought)}"


def asked(problem: Sum, rng: random.Random, count: Callable[[str], int]) -> tuple[int, str]:
    """A trace that thinks, and the tokens that its prompt may say it was asked for: its own, to the next ten.

    `count` gives the tokens of a text. Nobody aims at a number here: the trace comes first, and what it took is said of
    it in hindsight.
    """
    manner = Manner(early=0.4)  # so that every length is seen of every problem
    thought = f"{THINK}\n{_thought(problem, rng, manner)}"
    return 10 * math.ceil(count(thought) / 10), f"{thought}{END}\n{_answer(problem, rng, manner, thought)}"


def _thought(problem: Sum, rng: random.Random, manner: Manner) -> str:
    lines, _ = think(problem, rng, manner.habits)
    whole = "".join(f"{line}\n" for line in lines)
    if rng.random() >= manner.early:
        return whole
    pieces = _PIECE.findall(whole)
    return "".join(pieces[: rng.randrange(len(pieces))])


def _answer(problem: Sum, rng: random.Random, manner: Manner, thought: str) -> str:
    known = {step: int(result) for step, result in _STEP.findall(thought)}
    steps: list[str] = []
    result, _ = work(problem, rng, manner.habits.first_error, steps, known)
    return f"So {', '.join(steps)}. \\boxed{{{result}}}"
