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
from rl.rollouts import Completion, Engine, Sampling, TransformersEngine, stable_seed

TOKENS = 300
"""The cap: the longest trace, 12 operators one at a time, has about 240 tokens."""


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

    def answer(self, prompts: Sequence[str], seed: int) -> list[str]:
        """One completion a prompt."""
        encoded = [
            self.tokenizer.apply_chat_template(  # type: ignore[attr-defined]
                [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=True, return_dict=False
            )
            for prompt in prompts
        ]
        seeds = [stable_seed(seed, place) for place in range(len(prompts))]
        sampled: list[Completion] = self.engine.generate(
            encoded, [TOKENS] * len(prompts), Sampling(), eos_ids=[self.end], seeds=seeds
        )
        return [self.tokenizer.decode(c.token_ids, skip_special_tokens=True) for c in sampled]  # type: ignore[attr-defined]


def _held_out(operators: int, n: int, seed: int, size: int | None = None) -> list[dict[str, str | int]]:
    """`n` rows of held-out problems; those of few operators come several times, and are answered as often."""
    different = min(n, steps.BASE ** (operators + 1) // 16)  # their split is a tenth of all
    return list(islice(cycle(steps.problems("test", different, seed, (operators,), size)), n))


def accuracy_by_size(solver: Solver, n: int, seed: int) -> list[tuple[int, Cell]]:
    """For every difficulty, and every step size that a prompt asked for: the size, and what came of it."""
    cells = []
    for operators in steps.OPERATORS:
        for size in steps.step_sizes(operators):
            asked = _held_out(operators, n, seed, size)
            texts = solver.answer([str(row["problem"]) for row in asked], seed)
            right = sum(boxed_answer(text) == row["answer"] for text, row in zip(texts, asked, strict=True))
            cells.append((size, Cell(operators, math.ceil(operators / size), right, n, steps.chance(operators))))
    return cells


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
    found = []
    for operators in steps.OPERATORS:
        asked = _held_out(operators, n, seed)
        texts = solver.answer([str(row["problem"]) for row in asked], seed)
        taken = [steps.steps_of(text) for text in texts]
        found.append(
            Habit(
                operators,
                fmean(boxed_answer(text) == row["answer"] for text, row in zip(texts, asked, strict=True)),
                fmean(len(sizes) for sizes in taken),
                dict(sorted(Counter(sizes[0] for sizes in taken if sizes).items())),
            )
        )
    return found
