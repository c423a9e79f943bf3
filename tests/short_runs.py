"""Short runs of the demo's DLER, and how far apart two of them end."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import torch
from peft import PeftModel

from rl.models import load_model, resolve_model

FEW = (
    "trainer.max_steps=4",
    "trainer.num_generations=4",
    "trainer.save_steps=2",
    "trainer.tokens_per_micro_batch=600",  # whose updates are the same on any number of ranks
    "data.train.options.n=64",
    "data.eval.options.n=8",
    "evaluation.budget=40",
)


def weights(model: Path) -> torch.Tensor:
    loaded = load_model(str(model))
    whole = loaded.merge_and_unload() if isinstance(loaded, PeftModel) else loaded
    return torch.cat([parameter.detach().flatten() for parameter in whole.parameters()])


def apart(run: Path, other: Path) -> float:
    """Distance of two runs' models, over the way that the second has gone."""
    start, end = weights(Path(resolve_model("demo"))), weights(other / "final")
    return float((weights(run / "final") - end).norm() / (end - start).norm())


def drawn(run: Path, number: int) -> list[list[int]]:
    return [row["token_ids"] for row in pq.read_table(run / f"rollouts/round-{number:06d}.parquet").to_pylist()]
