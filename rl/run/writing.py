"""What a run writes as it trains: each round's rollouts, each logged step; and what of that is there in the end."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from transformers import TrainerCallback, TrainerState

from rl.folders import checkpoints
from rl.folders.lock import require_held
from rl.folders.run import RunFolder, read_metrics
from rl.rounds.records import records
from rl.rounds.round import Round
from rl.terminal import say
from rl.trainer.telling import print_alarm


class Writer(TrainerCallback):
    """Writes to one run's folder, as long as it is the one that the run began in. Errors: UserError."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._place = run.path.stat() if run.path.exists() else None
        self._beside = ThreadPoolExecutor(1, "rollouts")
        self._writing: Future[None] | None = None

    def write_alarm(self, step: int, alarm: str) -> None:
        """Print it, and keep it."""
        print_alarm(step, alarm)
        self.run.write_alarm(step, alarm)

    def write_round(self, round_: Round) -> None:
        """Begin to write it, beside what trains on it. Errors of the round before, too."""
        self._flush()
        self._require_held()
        self._writing = self._beside.submit(lambda: self.run.write_rollouts(round_.number, records(round_)))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # A checkpoint counts on the files of the rounds before it.
        self._flush()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._flush()
        self._beside.shutdown()

    def _flush(self) -> None:
        if self._writing is not None:
            begun, self._writing = self._writing, None
            begun.result()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if state.is_world_process_zero and logs and "loss" in logs:
            self._require_held()
            self.run.log({"step": state.global_step, "time": time.time(), **logs})

    def _require_held(self) -> None:
        if self._place is not None:
            require_held(self.run.path, self._place)


def tell_lost(run: RunFolder, state: TrainerState, round_steps: int) -> None:
    """Say which rounds and logged steps of a trained run have no file or line any more: somebody deleted them."""
    if not state.is_world_process_zero:
        return
    step = state.global_step
    logged = {entry["step"] for entry in state.log_history if "loss" in entry}
    there = {line["step"] for line in read_metrics(run.metrics)} if run.metrics.is_file() else set()
    rounds = -(-step // round_steps)
    kept = sum((run.rollouts / f"round-{number:06d}.parquet").is_file() for number in range(rounds))
    lost = [
        f"{count} of {all_} {what}"
        for count, all_, what in (
            (len(logged - there), len(logged), f"lines of {run.metrics.name}"),
            (rounds - kept, rounds, f"files of {run.rollouts.name}/"),
        )
        if count
    ]
    if lost:
        line = f"{' and '.join(lost)} were deleted while the run trained: its report lacks them"
        say(f"{run.path}: {line}", error=True)
        if line not in run.alarms_said():
            run.write_alarm(step, line)


def tell_lost_since(run: RunFolder, round_steps: int) -> None:
    """The same of a run that was trained by an earlier start; to be called by the main process."""
    last = checkpoints.latest(run.checkpoints)
    if last is not None:
        tell_lost(run, TrainerState.load_from_json(str(last / "trainer_state.json")), round_steps)
