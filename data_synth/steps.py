"""Chains of distances, worked out in steps of a chosen size: a task for "When More is Less" (arXiv 2502.07266).

A problem of T operators is a row of T + 1 digits, `a3b1c0a2`; each operator puts the distance of the first two in
their place, so the answer is |…||d₀ - d₁| - d₂| … - d_T|. Before each digit stands one of three letters, in turn: a
small model finds its place by them. A trace of t operators a step has N = ceil(T / t) steps: each line copies the
first t + 1 digits, writes what is left of them, and copies the rest. Few large steps are hard to work out, many
small ones leave much to copy. A prompt may ask for a step size, `(t)` after the question; where it does not, the
demonstrator draws one.

The paper adds. A small transformer adds seven digits about as well as two, so that a larger step costs it nothing; of
a distance it must follow every operator, for the parity of the answer hangs on each digit.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import islice

from data_synth.arithmetic import MOST, Split, split_of

BASE = 4
"""Digits are below it."""
LETTERS = "abc"
OPERATORS = (4, 8, 12)
"""Numbers of operators of the problems that are drawn."""
STEP_SIZES = (1, 2, 3, 4, 6)
"""Operators a step that a demonstrator uses."""


def step_sizes(operators: int) -> list[int]:
    """The sizes that a problem is worked out in: of those that need as many steps, the smallest."""
    return list({math.ceil(operators / size): size for size in sorted(STEP_SIZES, reverse=True)}.values())[::-1]


def draw(rng: random.Random, operators: Sequence[int] = OPERATORS) -> tuple[int, ...]:
    """The digits of a random problem."""
    return tuple(rng.randrange(BASE) for _ in range(rng.choice(operators) + 1))


def question(digits: Sequence[int], per_step: int | None = None) -> str:
    """The prompt, with the step size it asks for, if any."""
    return f"{_line(digits, 0)}=?" + (f" ({per_step})" if per_step else "")


def answer(digits: Sequence[int]) -> int:
    """What is left of all digits."""
    return reduce(lambda value, digit: abs(value - digit), digits)


def slipping(rng: random.Random, rate: float) -> Callable[[int], int]:
    """A hand that copies a digit, or another in its place with probability `rate`."""
    return lambda digit: (digit + rng.randrange(1, BASE)) % BASE if rng.random() < rate else digit


def trace(digits: Sequence[int], per_step: int, copy: Callable[[int], int] = int) -> str:
    """A solution with `per_step` operators a step, the last step shorter where that does not divide.

    Each digit that a line takes from the one before it is written as `copy` has it; what follows goes on from there.
    """
    lines, left = [], list(digits)
    while len(left) > 1:
        first, written = len(digits) - len(left), [copy(digit) for digit in left]
        taken = written[: per_step + 1]
        left = [answer(taken), *written[per_step + 1 :]]
        lines.append(f"{_line(taken, first)}={_line(left, len(digits) - len(left))}")
    return "\n".join(["<think>", *lines, "</think>", f"\\boxed{{{left[0]}}}"])


def steps_of(completion: str) -> list[int]:
    """The operators of each step that a completion shows, whatever is right or wrong about them."""
    thought = completion.partition("</think>")[0]
    return [sum(map(str.isalpha, taken)) - 1 for taken in re.findall(r"^([a-z\d]+)=[a-z\d]+$", thought, re.MULTILINE)]


def _line(digits: Sequence[int], first: int) -> str:
    return "".join(LETTERS[(first + place) % len(LETTERS)] + str(digit) for place, digit in enumerate(digits))


def chance(operators: int) -> float:
    """How often the answers of two random problems agree: a lost model, sampled at temperature 1, is right as often."""
    answers = [1 / BASE] * BASE
    for _ in range(operators):
        after = [0.0] * BASE
        for value, share in enumerate(answers):
            for digit in range(BASE):
                after[abs(value - digit)] += share / BASE
        answers = after
    return sum(share**2 for share in answers)


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
