"""How long the transformers engine takes for a token of many rows, for the rates of a dry run."""

from __future__ import annotations

import time

import torch

from experiments.cluster.proofs.shapes import blank_model
from experiments.cluster.proofs.step import Figures, Place
from rl.rollouts import Ask, Sampling, TransformersEngine

PROMPT, ROWS = 64, 64


def run(place: Place) -> Figures:
    model = blank_model("Qwen/Qwen2.5-7B", place)
    tokens = 256 if place.cuda else 16
    engine = TransformersEngine(model)
    found: Figures = {"parameters, billions": sum(p.numel() for p in model.parameters()) / 1e9, "rows": ROWS}
    for budget in (tokens // 8, tokens):  # the first warms up, and is told of short answers
        started = time.monotonic()
        engine.generate(_asks(budget))
        if place.cuda:
            torch.cuda.synchronize()
        seconds = time.monotonic() - started
        found[f"ms a step of {budget}"] = 1000 * seconds / budget
        found[f"tokens a second of {budget}"] = ROWS * budget / seconds
    return found


def _asks(budget: int) -> list[Ask]:
    prompts = [[row % 50 + 3] * PROMPT for row in range(ROWS)]
    return Ask.each(prompts, [budget] * ROWS, Sampling(), eos_ids=[], seeds=list(range(ROWS)))
