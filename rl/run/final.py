"""The model that a run ends with, as others load it: in its base's dtype, with its base's tokenizer files."""

from __future__ import annotations

import shutil
from pathlib import Path

from rl.errors import UserError
from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.merging.dtypes import change, dtype_of, main_dtype, state
from rl.merging.folders import find_model
from rl.merging.lora import is_adapter
from rl.merging.origin import keep
from rl.merging.shards import read_weights
from rl.models import base_of
from rl.terminal import say
from rl.trainer.lora import REFERENCE
from rl.trainer.trainer import LengthGRPOTrainer


def save_final(trainer: LengthGRPOTrainer, run: RunFolder, model: str) -> None:
    """Write `final/`, whole or not at all. `model` is what training started from, a path or a hub name."""
    temporary = run.final.with_name("final.tmp")
    if trainer.accelerator.is_main_process:
        shutil.rmtree(temporary, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(temporary))
    trainer.accelerator.wait_for_everyone()
    if trainer.accelerator.is_main_process:
        shutil.rmtree(temporary / REFERENCE, ignore_errors=True)
        _as_base(temporary, model, trainer.args.trust_remote_code)
        checkpoints.sync_all(temporary)
        run.take_final(temporary)
    trainer.accelerator.wait_for_everyone()


def _as_base(folder: Path, model: str, trust_remote_code: bool) -> None:
    """What training has earned is kept in any case: where the base has gone, or has no room for a value, it is told."""
    base: Path | None = None
    try:
        base = find_model(base_of(model) or model, weights=False)
        if not is_adapter(folder):
            change(folder, dtype_of(base))
    except UserError as error:
        say(f"final/ stays in the dtype of training: {error}", error=True)
    keep(base, folder, trust_remote_code)
    kept = None if is_adapter(folder) else main_dtype(read_weights(folder))
    if kept is not None:
        state(folder, kept)
