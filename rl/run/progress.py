"""The progress bar of a run, from within it."""

from __future__ import annotations

from typing import Any

from rich.progress import Progress, TaskID
from transformers import TrainerCallback

from rl.terminal import figures, training_progress


class ProgressCallback(TrainerCallback):
    """Shows the bar of one training run, on the main process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._figures = "starting"

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._progress = training_progress()
            self._task = self._progress.add_task(
                self.name, total=state.max_steps, completed=state.global_step, figures=self._figures
            )
            self._progress.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if self._progress and logs:
            self._figures = figures(logs) if "reward" in logs else self._figures
            self._progress.update(self._task, completed=state.global_step, figures=self._figures)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._progress:
            self._progress.stop()
