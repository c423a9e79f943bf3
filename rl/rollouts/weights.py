"""A model's weights as other engines take them: named as in its checkpoint, or as a folder of files."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from rl.errors import UserError

ADAPTER = "adapter_config.json"
WEIGHTS = "weights"
"""The folder of a run in which its workers find their weights."""
FILE_BYTES = 1 << 30
"""Weights are written in files of about this size: several, so that they can be sent side by side."""

ADAPTER_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM makes room for."""


_VERSION = re.compile(r"\.?weights-\d{8,}(\.writing)?")


def is_adapter(model: PreTrainedModel | PeftModel) -> bool:
    return isinstance(model, PeftModel)


def checkpoint_tensors(model: PreTrainedModel) -> dict[str, Tensor]:
    """Parameters and persistent buffers by their names in a checkpoint; tied weights once."""
    seen: set[int] = set()
    own: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():  # the input embedding comes before a head tied to it
        if tensor.numel() == 0 or tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            own[name] = tensor
    converted: dict[str, Tensor] = revert_weight_conversion(model, own)
    return converted


def folder_of(above: Path, version: int) -> Path:
    """Where the weights of a version lie."""
    return above / f"weights-{version:08d}"


def clear_weights(above: Path) -> None:
    """Delete what `write_weights` wrote for versions, or had begun to, and the folder if nothing else is in it."""
    for path in above.glob("*") if above.is_dir() else ():
        if _VERSION.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        above.rmdir()


def write_weights(model: PreTrainedModel | PeftModel, folder: Path) -> Literal["model", "adapter"]:
    """Write the weights, of an adapter its own only, as safetensors; the folder is there whole or not at all."""
    temporary = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    if isinstance(model, PeftModel):
        active = list(model.active_adapters)
        model.save_pretrained(str(temporary), safe_serialization=True, selected_adapters=active)
        (temporary / "README.md").unlink(missing_ok=True)  # peft's; no worker takes it
    else:
        _write_files(checkpoint_tensors(model), temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    return "adapter" if isinstance(model, PeftModel) else "model"


def _write_files(tensors: dict[str, Tensor], folder: Path) -> None:
    batch: dict[str, Tensor] = {}
    size, number = 0, 0
    for name, tensor in tensors.items():
        batch[name] = tensor.detach().contiguous()
        size += tensor.numel() * tensor.element_size()
        if size >= FILE_BYTES:
            save_file(batch, folder / f"model-{number:05d}.safetensors")
            batch, size, number = {}, 0, number + 1
    if batch:
        save_file(batch, folder / f"model-{number:05d}.safetensors")


def read_weights(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """The tensors of such a folder, a file at a time. Errors: ValueError where there are none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ValueError(f"{folder} holds no .safetensors file")
    for file in files:
        yield from load_file(file).items()


def adapter_rank(folder: Path) -> int | None:
    """The rank of the adapter in a folder; None where it holds a whole model."""
    config = folder / ADAPTER
    return int(json.loads(config.read_text())["r"]) if config.is_file() else None


def room_for(rank: int) -> int:
    """The smallest of vLLM's ranks that holds an adapter of `rank`. Errors: UserError above the largest."""
    fitting = [room for room in ADAPTER_RANKS if room >= rank]
    if not fitting:
        raise UserError(f"vLLM takes adapters up to rank {ADAPTER_RANKS[-1]}, not {rank}")
    return fitting[0]
