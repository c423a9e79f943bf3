"""The progress bar of a run, from within it."""

from __future__ import annotations

from typing import Any

from rich.progress import TaskID
from transformers import TrainerCallback

from rl.terminal import TrainingProgress, figures


class ProgressCallback(TrainerCallback):
    """Shows the bar of one training run, on the main process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._progress: TrainingProgress | None = None
        self._task = TaskID(0)
        self._figures = "starting"

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._progress = TrainingProgress()
            self._task = self._progress.add(self.name, state.max_steps, state.global_step)
            self._progress.bars.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if self._progress and logs:
            self._figures = figures(logs) if "reward" in logs else self._figures
            self._progress.update(self._task, state.global_step, self._figures)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._progress:
            self._progress.bars.stop()
