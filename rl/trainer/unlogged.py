"""What a trainer has measured since its last line of metrics: part of a checkpoint that falls between two lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate.utils import gather_object
from trl import GRPOTrainer


def collect(trainer: GRPOTrainer) -> dict[str, Any]:
    """Plain JSON. Called on every rank: each has a loss of its own."""
    return {
        "metrics": dict(trainer._metrics["train"]),
        "losses": gather_object([trainer._tr_loss.item()]),
        "last_logged": trainer._globalstep_last_logged,
    }


def restore(trainer: GRPOTrainer, state: Mapping[str, Any]) -> None:
    """To be called once transformers has set its own counts to zero, before the first step."""
    trainer._metrics["train"].update(state["metrics"])
    losses, ranks = state["losses"], trainer.accelerator.num_processes
    mean = sum(losses) / len(losses)  # for another number of ranks than wrote it
    trainer._tr_loss.fill_(losses[trainer.accelerator.process_index] if len(losses) == ranks else mean)
    trainer._globalstep_last_logged = state["last_logged"]
