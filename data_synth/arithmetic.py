"""The embedded task: sums and differences of one-digit terms, solved in overthinking traces.

A trace is what an overthinking model writes: a first pass that errs often, then re-checks that err
seldom, with restarts in between. A check repairs a wrong first pass, so some checking pays; most of
it repeats what was already right. More terms mean more steps that can go wrong, so the length that
pays best grows with difficulty.

Every number in a problem or a correct trace lies in [0, 45]. Everything here is a pure function of
its seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, get_args

Split = Literal["train", "validation", "test"]
MOST = 10_000
"""Problems that one call gives at most; every split holds more."""

FEWEST_TERMS, MOST_TERMS = 2, 5
PATIENCE = 10_000
"""Draws in a row without a new problem after which there is taken to be none."""


@dataclass(frozen=True)
class Habits:
    """How the demonstrator overthinks. Rates are per step or per trace, in [0, 1]."""

    first_error: float = 0.12
    """Chance that a step of a first pass goes wrong."""
    check_error: float = 0.02
    """Chance that a step of a re-check goes wrong."""
    restart: float = 0.2
    """Chance that a wrong step of a first pass is noticed at once, and the pass begun again."""
    direct: float = 0.03
    """Chance that a trace answers without any step."""
    checks: tuple[float, ...] = (0.15, 0.15, 0.25, 0.25, 0.20)
    """Weights of 0, 1, 2, … planned re-checks; one more follows each that disagrees."""
    max_passes: int = 7
    """A trace answers after this many passes, agreed or not."""


@dataclass(frozen=True)
class Sum:
    """One expression: `terms[0] ± terms[1] ± …`, evaluated from the left, never below zero."""

    terms: tuple[int, ...]
    signs: tuple[Literal["+", "-"], ...]

    def __str__(self) -> str:
        rest = "".join(s + str(t) for s, t in zip(self.signs, self.terms[1:], strict=True))
        return str(self.terms[0]) + rest

    @property
    def answer(self) -> int:
        total = self.terms[0]
        for sign, term in zip(self.signs, self.terms[1:], strict=True):
            total = total + term if sign == "+" else total - term
        return total

    @property
    def split(self) -> Split:
        """The split this expression belongs to."""
        return split_of(str(self))


def split_of(text: str) -> Split:
    """The split of a problem by its own text: no seed can move it to another."""
    bucket = int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") % 10
    return "test" if bucket == 0 else "validation" if bucket == 1 else "train"


def draw_sum(rng: random.Random, fewest: int = FEWEST_TERMS, most: int = MOST_TERMS) -> Sum:
    """A random expression of so many terms; a term is subtracted only where the total allows it."""
    count = rng.randint(fewest, most)
    total = rng.randint(0, 9)
    terms: list[int] = [total]
    signs: list[Literal["+", "-"]] = []
    for _ in range(count - 1):
        term = rng.randint(0, 9)
        sign: Literal["+", "-"] = "-" if term <= total and rng.random() < 0.5 else "+"
        total += term if sign == "+" else -term
        terms.append(term)
        signs.append(sign)
    return Sum(tuple(terms), tuple(signs))


def sums(split: Split, seed: int, fewest: int = FEWEST_TERMS, most: int = MOST_TERMS) -> Iterator[Sum]:
    """An endless stream of expressions of one split, repeats included."""
    rng = random.Random(f"{seed}/{split}")
    while True:
        drawn = draw_sum(rng, fewest, most)
        if drawn.split == split:
            yield drawn


def problems(
    split: Split = "train", n: int = 1024, seed: int = 0, fewest: int = FEWEST_TERMS, most: int = MOST_TERMS
) -> list[dict[str, str | int]]:
    """`n` different problems of one split, of `fewest` to `most` terms: `problem`, `answer`, `difficulty` (terms).

    Splits share no expression, whatever their seeds. The embedded model has seen 2 to 5 terms.
    """
    if split not in get_args(Split):
        raise ValueError(f"split must be one of {', '.join(get_args(Split))}, not {split!r}")
    if not 0 <= n <= MOST:
        raise ValueError(f"n must lie in [0, {MOST}], not {n}")
    if not 1 <= fewest <= most:
        raise ValueError(f"terms must be 1 <= fewest <= most, not {fewest} and {most}")
    chosen: dict[str, Sum] = {}
    stream, drawn_again = sums(split, seed, fewest, most), 0
    while len(chosen) < n:
        drawn = next(stream)
        drawn_again = 0 if str(drawn) not in chosen else drawn_again + 1
        if drawn_again == PATIENCE:
            raise ValueError(f"there are no {n} problems of {fewest} to {most} terms in {split}")
        chosen.setdefault(str(drawn), drawn)
    return [{"problem": f"{text}=?", "answer": str(s.answer), "difficulty": len(s.terms)} for text, s in chosen.items()]


def solve(problem: Sum, rng: random.Random, habits: Habits | None = None) -> str:
    """One overthinking trace: `<think>` passes `</think>` and the last pass's answer, boxed.

    A direct trace boxes the right answer. Any other boxes what its last pass came to, right or wrong.
    """
    habits = habits or Habits()
    if rng.random() < habits.direct:
        return f"<think>\n</think>\n\\boxed{{{problem.answer}}}"
    lines, result = think(problem, rng, habits)
    return "\n".join(["<think>", *lines, "</think>", f"\\boxed{{{result}}}"])


def think(problem: Sum, rng: random.Random, habits: Habits) -> tuple[list[str], int]:
    """The lines of a first pass and of its re-checks, and what the last of them came to."""
    lines: list[str] = []
    result = _first_pass(problem, rng, habits, lines)
    passes = 1
    planned = rng.choices(range(len(habits.checks)), habits.checks)[0]
    while planned > 0 and passes < habits.max_passes:
        lines.append(rng.choice(_OPENERS))
        check, _ = work(problem, rng, habits.check_error, lines)
        agrees = check == result
        lines.append("That agrees." if agrees else "That is different.")
        planned += -1 if agrees else 0
        result = check
        passes += 1
    return lines, result


_OPENERS = ("Wait, let me check.", "Hmm, once more.", "Let me verify that.")


def _first_pass(problem: Sum, rng: random.Random, habits: Habits, lines: list[str]) -> int:
    while True:
        start = len(lines)
        result, wrong_at = work(problem, rng, habits.first_error, lines)
        if wrong_at is None or rng.random() >= habits.restart:
            return result
        del lines[start + wrong_at + 1 :]
        lines.append("No, start over.")


def work(
    problem: Sum, rng: random.Random, error: float, lines: list[str], known: Mapping[str, int] | None = None
) -> tuple[int, int | None]:
    """Append one pass to `lines`, a step a line; give its result and the index of its first wrong step.

    A step of `known` (`3+4`, say) comes to what it says there, any other goes wrong at the rate `error`.
    """
    known = known or {}
    total, wrong_at = problem.terms[0], None
    for i, (sign, term) in enumerate(zip(problem.signs, problem.terms[1:], strict=True)):
        step = f"{total}{sign}{term}"
        right = total + term if sign == "+" else max(0, total - term)
        shown = known.get(step, right)
        if step not in known and rng.random() < error:
            shown = rng.choice([right + d for d in (-2, -1, 1, 2, 10) if 0 <= right + d <= 99])
        if shown != right and wrong_at is None:
            wrong_at = i
        lines.append(f"{step}={shown}")
        total = shown
    return total, wrong_at
