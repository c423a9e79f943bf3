"""How a trainer's checkpoints come to their place: written aside, then there whole (`rl.folders.checkpoints`).

FSDP2's whole weights are in one once, as the model that others load; transformers would add them in a form of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list, gather_object, save_fsdp_optimizer
from transformers.trainer import SCHEDULER_NAME

from rl.errors import UserError
from rl.folders import checkpoints
from rl.models import load_model, whole_on_each_rank
from rl.ranks import found_by_main
from rl.rollouts.weights import is_adapter
from rl.rollouts.workers.engine import WorkersEngine
from rl.trainer.gathered import is_sharded, spread

OF_FSDP = ("optimizer.bin", "optimizer_", "pytorch_model_fsdp")
"""What begins the names of its files and folders in a checkpoint."""


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
            limit, every = trainer.args.save_total_limit, trainer.args.keep_steps
            checkpoints.commit(Path(root), name, state, limit, known, every)

    def _digests(self, written: Path) -> dict[str, list[str]]:
        """Of a checkpoint's files, each rank's share; one rank leaves them to the commit, beside its syncing."""
        ranks = self.trainer.accelerator.num_processes
        if ranks == 1:
            return {}
        shares = gather_object([checkpoints.share(written, self.trainer.accelerator.process_index, ranks)])
        return {name: found for share in shares for name, found in share.items()}

    def save_optimizer(self, folder: str, theirs: Callable[[str], None]) -> None:
        """Optimiser and scheduler; `theirs` adds FSDP's weights, which are left out where the model is there whole."""
        trainer = self.trainer
        plugin: Any = trainer.accelerator.state.fsdp_plugin if is_sharded(trainer.model_wrapped) else None
        if plugin is None or "FULL_STATE_DICT" not in str(plugin.state_dict_type) or is_adapter(trainer.model):
            theirs(folder)
            return
        save_fsdp_optimizer(plugin, trainer.accelerator, trainer.optimizer, trainer.model, folder)
        if trainer.args.should_save:
            torch.save(trainer.lr_scheduler.state_dict(), Path(folder, SCHEDULER_NAME))

    def load_weights(self, folder: Path, model: Any, theirs: Callable[[], None]) -> None:
        """Those of a checkpoint into the model; `theirs` reads what is in it but a sharded model's whole weights.

        Errors: UserError where a launch with FSDP is to go on from one without it, or the other way round.
        """
        sharded = is_sharded(model)
        names = found_by_main(lambda: [path.name for path in folder.iterdir()])
        if any(name.startswith(OF_FSDP) for name in names) != sharded:
            one, other = ("not ", "does") if sharded else ("", "does not")
            raise UserError(
                f"{folder} was {one}written under FSDP, and this launch {other} shard the model: its optimiser cannot "
                "go on there; launch it as it was"
            )
        if not sharded or is_adapter(self.trainer.model) or any(name.startswith(OF_FSDP[2]) for name in names):
            theirs()
            return
        whole = None
        if self.trainer.accelerator.is_main_process:
            with whole_on_each_rank():
                dtype, trust = next(model.parameters()).dtype, self.trainer.args.trust_remote_code
                whole = load_model(str(folder), dtype=dtype, trust_remote_code=trust)
        spread(whole, model)

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
