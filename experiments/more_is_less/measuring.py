"""Accuracy over difficulty and step size, and the step sizes that a model takes by itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import fmean

from data_synth import steps
from experiments.more_is_less.theory import Cell
from rewards.verifier import boxed_answer
from rl.models import load_model, load_tokenizer
from rl.rollouts import Ask, Completion, Engine, Sampling, TransformersEngine, stable_seed

TOKENS = 300
"""The cap: the longest trace, 12 operators one at a time, has about 240 tokens."""


Row = dict[str, str | int]
"""A problem, as `steps.problems` gives it."""


@dataclass(frozen=True)
class Solver:
    """A model that answers problems, sampled at temperature 1."""

    engine: Engine
    tokenizer: object
    end: int

    @staticmethod
    def load(path: str) -> Solver:
        tokenizer = load_tokenizer(path)
        return Solver(TransformersEngine(load_model(path), 256), tokenizer, int(tokenizer.eos_token_id))

    def answer(self, cells: Sequence[Sequence[Row]], seed: int) -> list[list[str]]:
        """A completion for each row of each cell. The random streams of one cell are those of every other."""
        encoded = [
            self.tokenizer.apply_chat_template(  # type: ignore[attr-defined]
                [{"role": "user", "content": row["problem"]}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
            )
            for rows in cells
            for row in rows
        ]
        seeds = [stable_seed(seed, place) for rows in cells for place in range(len(rows))]
        asks = Ask.each(encoded, [TOKENS] * len(encoded), Sampling(), eos_ids=[self.end], seeds=seeds)
        sampled: list[Completion] = self.engine.generate(asks)
        texts = (self.tokenizer.decode(c.token_ids, skip_special_tokens=True) for c in sampled)  # type: ignore[attr-defined]
        return [list(islice(texts, len(rows))) for rows in cells]


def _held_out(operators: int, n: int, seed: int, size: int | None = None) -> list[Row]:
    """`n` rows of held-out problems; those of few operators come several times, and are answered as often."""
    different = min(n, steps.BASE ** (operators + 1) // 16)  # their split is a tenth of all
    return list(islice(cycle(steps.problems("test", different, seed, (operators,), size)), n))


def accuracy_by_size(solver: Solver, n: int, seed: int) -> list[tuple[int, Cell]]:
    """For every difficulty, and every step size that a prompt asked for: the size, and what came of it."""
    asked = [(operators, size) for operators in steps.OPERATORS for size in steps.step_sizes(operators)]
    rows = [_held_out(operators, n, seed, size) for operators, size in asked]
    rights = [sum(_right(texts, held)) for texts, held in zip(solver.answer(rows, seed), rows, strict=True)]
    return [
        (size, Cell(operators, math.ceil(operators / size), right, n, steps.chance(operators)))
        for (operators, size), right in zip(asked, rights, strict=True)
    ]


def _right(texts: Sequence[str], rows: Sequence[Row]) -> list[bool]:
    return [boxed_answer(text) == row["answer"] for text, row in zip(texts, rows, strict=True)]


@dataclass(frozen=True)
class Habit:
    """What a model does where no step size is asked for."""

    operators: int
    accuracy: float
    steps: float
    """Mean number of steps."""
    sizes: dict[int, int]
    """How many answers took steps of each size, by their first step."""


def habits(solver: Solver, n: int, seed: int) -> list[Habit]:
    """The model's own choice for every difficulty."""
    rows = [_held_out(operators, n, seed) for operators in steps.OPERATORS]
    found = []
    for operators, held, texts in zip(steps.OPERATORS, rows, solver.answer(rows, seed), strict=True):
        taken = [steps.steps_of(text) for text in texts]
        sizes = dict(sorted(Counter(own[0] for own in taken if own).items()))
        found.append(Habit(operators, fmean(_right(texts, held)), fmean(len(own) for own in taken), sizes))
    return found
