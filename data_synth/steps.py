"""Addition, worked out in steps of a chosen size: the task of "When More is Less" (arXiv 2502.07266).

A problem of T operators is a sum of T + 1 digits, each with a letter before it, `a4b2c3`: a small model finds its
place in a line by the letters. A trace of t operators a step has N = ceil(T / t) steps: each line copies the first
t + 1 digits, writes their sum in place of the last of them, and copies the rest. Few large steps are hard to work
out, many small ones leave much to copy. A prompt may ask for a step size, `(t)` after the question; where it does
not, the demonstrator draws one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from string import ascii_lowercase

from data_synth.arithmetic import MOST, Split, split_of

BASE = 5
"""Digits are below it."""
OPERATORS = (4, 6, 8, 12)
"""Numbers of operators of the problems that are drawn."""
STEP_SIZES = (1, 2, 3, 4, 6)
"""Operators a step that a demonstrator uses."""


def draw(rng: random.Random, operators: Sequence[int] = OPERATORS) -> tuple[int, ...]:
    """The digits of a random problem."""
    return tuple(rng.randrange(BASE) for _ in range(rng.choice(operators) + 1))


def question(digits: Sequence[int], per_step: int | None = None) -> str:
    """The prompt, with the step size it asks for, if any."""
    return f"{_line(digits, 0)}=?" + (f" ({per_step})" if per_step else "")


def answer(digits: Sequence[int]) -> int:
    """The sum."""
    return sum(digits)


def trace(digits: Sequence[int], per_step: int) -> str:
    """A right solution with `per_step` operators a step, the last step shorter where that does not divide."""
    lines, left = [], list(digits)
    while len(left) > 1:
        taken, first = left[: per_step + 1], len(digits) - len(left)
        left = [sum(taken), *left[per_step + 1 :]]
        lines.append(f"{_line(taken, first)}={_line(left, len(digits) - len(left))}")
    return "\n".join(["<think>", *lines, "</think>", f"\\boxed{{{left[0]}}}"])


def steps_of(completion: str) -> list[int]:
    """The operators of each step that a completion shows, whatever is right or wrong about them."""
    thought = completion.partition("</think>")[0]
    return [sum(map(str.isalpha, taken)) - 1 for taken in re.findall(r"^([a-z\d]+)=[a-z\d]+$", thought, re.MULTILINE)]


def _line(digits: Sequence[int], first: int) -> str:
    return "".join(ascii_lowercase[first + place] + str(digit) for place, digit in enumerate(digits))


def blind_guess(operators: int) -> float:
    """The chance of the most common answer: what a model that understands nothing may get right."""
    chances = [1.0]
    for _ in range(operators + 1):
        chances = [
            sum(chances[max(0, total - BASE + 1) : total + 1]) / BASE for total in range(len(chances) + BASE - 1)
        ]
    return max(chances)


def stream(split: Split, seed: int, operators: Sequence[int] = OPERATORS) -> Iterator[tuple[int, ...]]:
    """An endless stream of problems of one split, repeats included."""
    rng = random.Random(f"{seed}/{split}")
    while True:
        digits = draw(rng, operators)
        if split_of(question(digits)) == split:
            yield digits


def problems(
    split: Split = "train",
    n: int = 1024,
    seed: int = 0,
    operators: Sequence[int] = OPERATORS,
    per_step: int | None = None,
) -> list[dict[str, str | int]]:
    """`n` different problems of one split: `problem`, `answer`, `difficulty` (operators).

    Errors: ValueError where the split is found to hold fewer.
    """
    if not 0 <= n <= MOST:
        raise ValueError(f"n must lie in [0, {MOST}], not {n}")
    chosen: dict[tuple[int, ...], None] = {}
    for digits in islice(stream(split, seed, operators), 20 * n):
        if len(chosen) == n:
            break
        chosen.setdefault(digits)
    if len(chosen) < n:
        raise ValueError(f"n is {n}, but the {split} split has about {len(chosen)} problems of {operators} operators")
    return [{"problem": question(d, per_step), "answer": str(answer(d)), "difficulty": len(d) - 1} for d in chosen]
