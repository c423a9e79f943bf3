"""From a protocol, problems and a model to the numbers: sample or go on, score at every cap, count."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import Verifier
from rl.errors import unknown
from rl.evaluation.caps import at_cap
from rl.evaluation.heat import heat_map
from rl.evaluation.parts import Parts
from rl.evaluation.protocol import Protocol
from rl.evaluation.recipes import stated
from rl.evaluation.rows import Evaluation, Row
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.evaluation.summary import Json, numbers
from rl.models import load_model
from rl.rollouts import Engine, TransformersEngine

BATCHES_A_PART = 4
"""Batches side by side in one part: an engine that refills its batch needs some to refill it from."""


@dataclass(frozen=True)
class Measured:
    """The answers, and all numbers of them as JSON has them."""

    evaluation: Evaluation
    numbers: Json


@dataclass(frozen=True)
class Asked:
    """What a model is asked, and how: the protocol carries its data."""

    problems: list[Problem]
    verifier: Verifier
    protocol: Protocol

    def measure(
        self,
        model: str,
        tokenizer: PreTrainedTokenizerBase,
        open_answerer: Callable[[], Answerer],
        out: Path | None = None,
        batch_size: int = 256,
    ) -> Measured:
        """Sample what is not in `out` (or its parts) yet, and count; the model is opened only if it has to answer.

        Errors: UserError where `out` holds an evaluation of another model or protocol.
        """
        started = time.perf_counter()
        parts = Parts(out, model, self.protocol) if out else None
        if parts:
            parts.check()
        evaluation = parts.finished() if parts else None
        if evaluation is None:
            written = [stated(problem, self.protocol.budget_text) for problem in self.problems]
            evaluation = evaluate(
                open_answerer(), written, self.verifier, self.protocol, parts, BATCHES_A_PART * batch_size
            )
            if parts and PartialState().is_main_process:
                parts.finish(evaluation)
        scored = self.scored(evaluation, tokenizer)
        by_id = {problem.id: problem for problem in self.problems}
        heat = heat_map(by_id, scored[self.protocol.cap])
        seconds = time.perf_counter() - started
        return Measured(evaluation, numbers(model, self.protocol, scored, self.verifier, heat, seconds))

    def scored(self, evaluation: Evaluation, tokenizer: PreTrainedTokenizerBase) -> dict[int, list[Row]]:
        """The rows at every cap of the protocol."""
        by_id = {problem.id: problem for problem in self.problems}
        return {
            cap: at_cap(evaluation.rows, cap, by_id, tokenizer, self.verifier, self.protocol.truncated)
            for cap in self.protocol.scored_at
        }


def open_answerer(name: str, path: str, tokenizer: PreTrainedTokenizerBase, engine: str, batch_size: int) -> Answerer:
    """Load a model's weights and put an engine before them."""
    on_gpu = PartialState().device.type == "cuda"
    model = load_model(path, dtype="auto" if on_gpu else torch.float32).to(PartialState().device)
    return Answerer(ENGINES[engine](model, batch_size), tokenizer, end_ids(model, tokenizer), name)


ENGINES: dict[str, Callable[[Any, int], Engine]] = {"transformers": TransformersEngine}


def require_engine(name: str) -> str:
    """Errors: UserError with the nearest name."""
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    return name
