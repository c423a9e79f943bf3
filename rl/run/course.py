"""A run that goes on, on other ranks perhaps, keeps to the course it began: its last step, and so its schedules."""

from __future__ import annotations

from pathlib import Path

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from rl.folders import checkpoints
from rl.ranks import is_main_process
from rl.terminal import say
from rl.trainer.trainer import LengthGRPOTrainer


def keep_course(trainer: LengthGRPOTrainer, checkpoint: Path) -> None:
    """End at the step at which the run of a checkpoint was to end, and say so where its batch was another.

    transformers makes steps of epochs by the size of this launch's batch, which is the recipe's only where that has a
    `batch`.
    """
    trainer.args.max_steps = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME)).max_steps
    before, now = checkpoints.read(checkpoint).get("groups_per_round"), trainer.args.groups_per_round
    if before not in (None, now) and is_main_process():
        say(
            f"{checkpoint.parent.parent} goes on with {now} groups a round, not {before}: this launch has other ranks, "
            "and trainer.per_device_train_batch_size is of each; a recipe's `batch` is the same on any launch",
            error=True,
        )
