"""The dtype of a model's weights: found, and changed file by file."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from rl.errors import UserError
from rl.merging.floats import NAMES, Floats, Raw, narrowed
from rl.merging.folders import read_json
from rl.merging.shards import INDEX, WHOLE, Stored, Writer, read_weights

WORDS = {name: word for word, name in NAMES.items()}
"""dtype: what a safetensors file calls it."""
KEYS = ("dtype", "torch_dtype")
"""Where a config tells it; the second is the older one."""


def main_dtype(weights: dict[str, Stored]) -> str | None:
    """The dtype of most of the elements, `bfloat16`; None where that is none of `WORDS`, as of quantized weights."""
    counts: Counter[str] = Counter()
    for tensor in weights.values():
        counts[tensor.dtype] += tensor.elements
    ((most, _),) = counts.most_common(1)
    return NAMES.get(most)


def dtype_of(model: Path) -> str:
    """What a model's weights have; where they are not at hand, or quantized, what its config says.

    Errors: UserError where neither tells.
    """
    found = main_dtype(read_weights(model)) if (model / WHOLE).is_file() or _index_is_whole(model) else None
    if found is not None:
        return found
    config = read_json(model / "config.json")
    for part in (config, config.get("text_config") or {}):
        for key in KEYS:
            if part.get(key) in WORDS:
                return str(part[key])
    raise UserError(f"{model}: neither its weights nor its config.json tell a dtype ({', '.join(WORDS)})")


def _index_is_whole(model: Path) -> bool:
    """Of a hub's model, the index may be there and the files not."""
    places = read_json(model / INDEX).get("weight_map")
    return isinstance(places, dict) and all((model / name).is_file() for name in set(places.values()))


def rounded(name: str, values: Floats, kind: str) -> Raw:
    """Values of the tensor of this name in another dtype. Errors: UserError where it has no room for one."""
    result = narrowed(values, kind)
    if kind == "F16" and bool((np.isinf(result) & np.isfinite(values)).any()):
        raise UserError(f"{name} holds values that float16 has no room for: give --dtype bfloat16 or float32")
    return result


def write_in(model: Path, out: Path, dtype: str) -> None:
    """A model's weights in `dtype`, to the folder `out`, cut into files as they are; a piece in memory at a time."""
    weights = read_weights(model)
    results = {name: tensor.to(WORDS[dtype]) for name, tensor in weights.items()}
    if results == weights:
        index = [model / INDEX] if (model / INDEX).is_file() and not (model / WHOLE).is_file() else []
        for path in {*(tensor.file for tensor in weights.values()), *index}:
            shutil.copyfile(path, out / path.name)
        return
    with Writer(out, list(results.values())) as writer:
        for name, tensor in weights.items():
            for first, last in tensor.pieces():
                if results[name] == tensor:
                    writer.write(name, first, tensor.read(first, last))
                else:
                    writer.write(name, first, rounded(name, tensor.floats(first, last), WORDS[dtype]))


def change(model: Path, dtype: str) -> None:
    """Have a model's folder hold its weights in `dtype`. Errors: UserError; then it is as it was."""
    with tempfile.TemporaryDirectory(dir=model) as beside:
        write_in(model, Path(beside), dtype)
        for path in Path(beside).iterdir():
            os.replace(path, model / path.name)


def state(model: Path, dtype: str) -> None:
    """Have a model's config say `dtype`."""
    config = read_json(model / "config.json")
    _state(config, dtype)
    if isinstance(config.get("text_config"), dict) and any(key in config["text_config"] for key in KEYS):
        _state(config["text_config"], dtype)
    (model / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _state(config: dict[str, Any], dtype: str) -> None:
    for key in [key for key in KEYS if key in config] or KEYS[:1]:
        config[key] = dtype
