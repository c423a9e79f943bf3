"""Packed updates of a 0.5B shape with random weights: rows without padding have the gradient of padded ones.

How fast each is, and what it takes of the device beside what a dry run says it will.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import TrainerCallback

from experiments.cluster.proofs.shapes import blank_model
from experiments.cluster.proofs.step import Figures, Place, require
from rewards import Group, HistoryView
from rl.models import load_model, load_tokenizer, resolve_model
from rl.recipe.files import load_recipe
from rl.rollouts import Ask, Completion
from rl.rollouts.engine import Engine, Health, Weights
from rl.run.dry_run import dry_run
from rl.run.prepare import prepare
from rl.trainer.packed import PackedUpdates
from rl.trainer.trainer import LengthGRPOTrainer

STEPS = 3
ALIKE = 0.999
"""Cosine of two gradients that bf16 has rounded apart."""


class Given:
    """An engine that samples nothing: tokens by the ask's seed, from an eighth of its budget to all of it."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        """Of each round, prompts included."""

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        found = [self._answer(ask) for ask in asks]
        self.tokens.append(sum(len(a.prompt) + len(c.token_ids) for a, c in zip(asks, found, strict=True)))
        return found

    def _answer(self, ask: Ask) -> Completion:
        draw = random.Random(ask.seed)
        length = draw.randint(ask.budget // 8, ask.budget - 1)
        return Completion((*(draw.randint(4, 15) for _ in range(length - 1)), ask.eos_ids[0]), "eos")

    def load_weights(self, weights: Weights, version: int) -> None:
        """It has none."""

    def rest(self) -> None:
        """It holds nothing."""

    def health(self) -> Health:
        return Health(True, None)

    def copies(self) -> Sequence[Engine]:
        return ()

    def close(self) -> None:
        """It started nothing."""


class Shorter:
    """A reward that differs between any two rollouts of different length."""

    name = "shorter"

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [-float(rollout.length) for rollout in group.rollouts]


@dataclass
class Measured(TrainerCallback):  # type: ignore[misc]
    """Seconds of each step, and the gradient of the first."""

    gradient: torch.Tensor | None = None
    seconds: list[float] = field(default_factory=list)
    began: float = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.began = _now()

    def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
        if self.gradient is None:
            self.gradient = torch.cat([p.grad.detach().float().cpu().flatten() for p in model.parameters()])

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(_now() - self.began)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.monotonic()


def run(place: Place) -> Figures:
    recipe = _recipe(place)
    found: Figures = {"dry run, GB": dry_run(str(recipe)).estimates["update"].memory.peak / 1e9}
    gradients = {}
    for name, padded in (("padded", True), ("without padding", False)):
        gradients[name], figures = _train(recipe, place, padded)
        found |= {f"{figure}, {name}": value for figure, value in figures.items()}
    a, b = gradients.values()
    found["cosine of the gradients"] = cosine = float(torch.nn.functional.cosine_similarity(a, b, dim=0))
    found["norms, one over the other"] = ratio = float(b.norm() / a.norm())
    require(cosine > ALIKE, f"the gradients' cosine is {cosine}")
    require(abs(ratio - 1) < 0.02, f"one gradient's norm is {ratio} times the other's")
    return found


def _recipe(place: Place) -> Path:
    """A recipe of that model, both written into the step's folder."""
    model = place.folder / "model"
    blank_model("Qwen/Qwen2.5-0.5B", place, torch.float32).save_pretrained(str(model))
    load_tokenizer(resolve_model("demo")).save_pretrained(str(model))
    recipe = place.folder / "update.yaml"
    trainer = {
        "num_generations": 4, "per_device_train_batch_size": 32, "steps_per_generation": 1, "max_steps": STEPS,
        "learning_rate": 1e-9, "max_grad_norm": 0.0, "bf16": place.cuda, "save_strategy": "no",
        "tokens_per_micro_batch": 16384 if place.cuda else 512,
    }  # fmt: skip
    content = {
        "name": "update",
        "model": str(model),
        "data": {"train": {"source": "demo", "options": {"split": "train", "n": 32, "seed": 0}}},
        "rewards": ["correct"],
        "budget": {"name": "constant", "tokens": 4096 if place.cuda else 64},
        "trainer": trainer,
    }
    recipe.write_text(yaml.safe_dump(content))
    return recipe


def _train(recipe: Path, place: Place, padded: bool) -> tuple[torch.Tensor, Figures]:
    overrides = ["trainer.model_init_kwargs={attn_implementation: sdpa}"] if padded else []
    prepared = prepare(load_recipe(str(recipe), overrides), place.folder / "run")
    engine, measured = Given(), Measured()
    trainer = LengthGRPOTrainer(
        model=load_model(prepared.model, **(prepared.config.model_init_kwargs or {})),
        args=prepared.config,
        problems=prepared.train.problems,
        rewards=[Shorter()],
        budget=prepared.budgets,
        verifier=prepared.verifier,
        processing_class=prepared.tokenizer,
        callbacks=[measured],
        engine=engine,
    )
    assert isinstance(trainer.updates, PackedUpdates)
    trainer.updates.packer = replace(trainer.updates.packer, padded=padded)
    if place.cuda:
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    figures: Figures = {"tokens a second": sum(engine.tokens[1:]) / sum(measured.seconds[1:])}
    if place.cuda:
        figures["GB at most"] = torch.cuda.max_memory_allocated() / 1e9
    assert measured.gradient is not None
    del trainer
    gc.collect()
    return measured.gradient, figures
