"""What a trainer has measured since its last line of metrics: part of a checkpoint that falls between two lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate.utils import gather_object


class Unlogged:
    """The figures that `trainer` has not logged yet."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self._loaded: Mapping[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON. Called on every rank: each has a loss of its own."""
        trainer = self.trainer
        return {
            "metrics": dict(trainer._metrics["train"]),
            "losses": gather_object([trainer._tr_loss.item()]),
            "last_logged": trainer._globalstep_last_logged,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """To be put back later: transformers sets its own counts to zero after it has loaded a checkpoint."""
        self._loaded = state

    def put_back(self) -> None:
        """To be called before the first step."""
        state, self._loaded, trainer = self._loaded, None, self.trainer
        if state is None:
            return
        trainer._metrics["train"].update(state["metrics"])
        losses, ranks = state["losses"], trainer.accelerator.num_processes
        mean = sum(losses) / len(losses)  # for another number of ranks than wrote it
        trainer._tr_loss.fill_(losses[trainer.accelerator.process_index] if len(losses) == ranks else mean)
        trainer._globalstep_last_logged = state["last_logged"]
