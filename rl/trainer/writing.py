"""How a trainer's checkpoints come to their place: written aside, then there whole (`rl.folders.checkpoints`)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list, gather_object

from rl.folders import checkpoints
from rl.rollouts.workers.engine import WorkersEngine


class CheckpointWriting:
    """Of `trainer`, whose `run_state` goes into each."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self._aside = False

    def folder(self, of_run: str) -> str:
        """Where checkpoints lie; while one is being written, where unfinished ones do, so none there is deleted."""
        return str(Path(of_run, checkpoints.WRITING)) if self._aside else of_run

    def save(self, root: str, theirs: Callable[[], None]) -> None:
        """`theirs` writes TRL's files into the `folder`, on all ranks; ours, and all on the disk, make it whole."""
        trainer = self.trainer
        self._aside = True
        try:
            theirs()
        except Exception:
            shutil.rmtree(Path(root, checkpoints.WRITING), ignore_errors=True)  # a full disk has no room for a half
            raise
        finally:
            self._aside = False
        state = trainer.run_state()
        trainer.accelerator.wait_for_everyone()  # each rank writes its own random state
        name = f"checkpoint-{trainer.state.global_step}"
        known = self._digests(Path(root, checkpoints.WRITING, name))
        if trainer.args.should_save:
            checkpoints.commit(Path(root), name, state, trainer.args.save_total_limit, known)

    def _digests(self, written: Path) -> dict[str, list[str]]:
        """Of a checkpoint's files, each rank's share; one rank leaves them to the commit, beside its syncing."""
        ranks = self.trainer.accelerator.num_processes
        if ranks == 1:
            return {}
        shares = gather_object([checkpoints.share(written, self.trainer.accelerator.process_index, ranks)])
        return {name: found for share in shares for name, found in share.items()}

    def save_as_round_began(self) -> str:
        """For a run that waits for workers: save it as it was before its round, and its weights for who comes back.

        Says in words what came of it.
        """
        trainer = self.trainer
        step = trainer.state.global_step
        place = Path(trainer._get_output_dir(trial=None)) / f"checkpoint-{step}"
        whole = [checkpoints.torn(place) is None]
        broadcast_object_list(whole)
        if step and not whole[0]:
            with trainer.rounds.as_round_began():
                trainer._save_checkpoint(trainer.model, None)
        if isinstance(trainer.engine, WorkersEngine):
            trainer.engine.offer_files(trainer.weights.to_send)
        return f"the run is saved as {place}" if step else "nothing is trained yet"
