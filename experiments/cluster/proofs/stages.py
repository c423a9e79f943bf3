"""Two stages in one process: the model of the first is gone when the second's is built."""

from __future__ import annotations

import gc
import weakref
from typing import Any
from unittest.mock import patch

import torch

import rl.run.train as training
from experiments.cluster.proofs.step import Figures, Place, require
from experiments.cluster.proofs.watched import SMALL

TWO = "stages=[{name: one, budget: {tokens: 80}}, {name: two, budget: {tokens: 60}}]"


def run(place: Place) -> Figures:
    alive: list[weakref.ref[Any]] = []
    left: list[tuple[int, float]] = []

    def build(*args: Any, **kwargs: Any) -> Any:
        held = torch.cuda.memory_allocated() if place.cuda else 0
        left.append((sum(one() is not None for one in alive), held / 1e6))
        trainer = usual(*args, **kwargs)
        alive.append(weakref.ref(trainer.model))
        return trainer

    usual = training.build_trainer
    with patch.object(training, "build_trainer", build):
        training.train("demo-dler", [*SMALL, TWO], out=place.folder / "run", quiet=True)
    require(len(left) == 2, f"{len(left)} stages were built")
    models, held = left[1]
    require(models == 0, "the first stage's model is still there when the second is built")
    gc.collect()
    return {"MB held before the first": left[0][1], "between them": held}
