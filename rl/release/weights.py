"""The model of a release: weights in the dtype that is asked for, tokenizer and configurations as the base has them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from rl.errors import UserError
from rl.merging.dtypes import WORDS, dtype_of, main_dtype, state, write_in
from rl.merging.folders import files_along, find_model
from rl.merging.lora import ADAPTER, CONFIG
from rl.merging.merge import write_folded
from rl.merging.origin import keep
from rl.merging.shards import read_weights
from rl.models import base_of, resolve_model
from rl.release.wanted import Wanted


@dataclass(frozen=True)
class Weights:
    """The dtype that weights are released in, and the one that the run kept them in."""

    dtype: str | None
    kept: str | None


def started_from(model: str, wanted: Wanted) -> Path | None:
    """The folder of what a run started from, of an adapter its base; its weights need not be there.

    None where it is not found and not needed, as an adapter stays one or the dtype is given. Errors: UserError.
    """
    if wanted.adapter and wanted.dtype:
        raise UserError("--dtype is for whole models, and an adapter is released as it was trained: leave one out")
    try:
        place = resolve_model(model)
        return find_model(base_of(place) or place, weights=False)
    except UserError as error:
        if wanted.adapter or wanted.dtype:
            return None
        raise UserError(f"a release has its base's dtype: give --dtype, or bring the base back ({error})") from error


def write_model(model: Path, folder: Path, base: str | None, started: Path | None, wanted: Wanted) -> Weights:
    """Write the model into a folder that is there. `base` is that of an adapter: folded into it, or left out."""
    if base is not None and not wanted.adapter:
        facts = write_folded(folder, base, model, WORDS[wanted.dtype] if wanted.dtype else None)
        return Weights(facts["dtype"], facts["dtype"])
    for path in files_along(model):
        if path.name != "merge.json":
            shutil.copyfile(path, folder / path.name)
    keep(started, folder)
    if base is not None:
        weights = read_weights(model, ADAPTER)
        for path in {*(tensor.file for tensor in weights.values()), model / CONFIG}:
            shutil.copyfile(path, folder / path.name)
        return Weights(main_dtype(weights), main_dtype(weights))
    dtype = wanted.dtype or dtype_of(started) if started else wanted.dtype
    assert dtype is not None  # without a base, it was asked for
    write_in(model, folder, dtype)
    state(folder, dtype)
    return Weights(dtype, main_dtype(read_weights(model)))
