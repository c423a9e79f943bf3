"""Fold a LoRA adapter into its base model, one tensor at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from rl.errors import UserError
from rl.merging.floats import Floats, Raw, narrowed, widened
from rl.merging.folders import read_json
from rl.merging.shards import Stored, read_weights

ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_PREFIX = "base_model.model."
_OTHER_KINDS = ("use_dora", "use_qalora", "alora_invocation_tokens", "layer_replication")
_SIDES = (".lora_A.weight", ".lora_B.weight")


def is_adapter(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def folding(base: dict[str, Stored], adapter: Path) -> tuple[Callable[[Stored], Raw], dict[str, Any]]:
    """What turns each tensor of the base into the folded one, flat, and what there is to say about it.

    W + scaling · B A (arXiv 2106.09685, section 4.1), computed as `peft` does when it merges; modules that
    were trained whole take the base's place. Errors: UserError when the adapter is of another kind than plain
    LoRA, or of another model.
    """
    config = read_json(adapter / CONFIG)
    weights = read_weights(adapter, ADAPTER)
    _require_plain(config, weights, adapter)
    modules = sorted({name.rpartition(".lora_")[0] for name in weights if name.endswith(_SIDES)})
    saved = {name.removeprefix(_PREFIX): stored for name, stored in weights.items() if not name.endswith(_SIDES)}
    _require_saved(saved, base, adapter)
    targets = {}
    for module in modules:
        target = f"{module.removeprefix(_PREFIX)}.weight"
        down, up = (weights.get(f"{module}.lora_{side}.weight") for side in "AB")
        if target not in base or down is None or up is None:
            raise UserError(f"{adapter} adapts {target}, which the base model has not: another model's adapter")
        turned = bool(config.get("fan_in_fan_out"))
        shape = (up.shape[0], down.shape[1])
        if base[target].shape != (shape[::-1] if turned else shape):
            raise UserError(
                f"{adapter} adapts {target} as {list(shape)}; the base model's is {list(base[target].shape)}"
            )
        targets[target] = down, up, scaling(config, target.removesuffix(".weight"), down.shape[0]), turned

    def folded(tensor: Stored) -> Raw:
        stored = saved.get(tensor.name, tensor)
        if not stored.merges:
            return stored.read()
        if tensor.name in saved or tensor.name not in targets:
            return stored.floats()
        down, up, scale, turned = targets[tensor.name]
        product: Floats = (_matrix(up) @ _matrix(down)).numpy()  # torch's, as peft's is
        delta = (product.T if turned else product).flatten() * np.float32(scale)
        return stored.floats() + widened(narrowed(delta, up.dtype), up.dtype)

    return folded, {"adapted": len(targets)} | ({"whole": len(saved)} if saved else {})


def scaling(config: dict[str, Any], module: str, rank: int) -> float:
    """What an adapter's product is multiplied by: α / r, or α / √r with rsLoRA (arXiv 2312.03732)."""
    from peft.utils.other import get_pattern_key

    pattern = config.get("alpha_pattern") or {}
    alpha = pattern.get(get_pattern_key(pattern.keys(), module), config["lora_alpha"])
    return float(alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))


def _require_plain(config: dict[str, Any], weights: dict[str, Stored], adapter: Path) -> None:
    other = [key for key in _OTHER_KINDS if config.get(key)]
    saved = config.get("modules_to_save") or ()
    strange = [name for name in weights if not (name.endswith(_SIDES) or _is_of(name, saved))]
    if config.get("peft_type") != "LORA" or "lora_alpha" not in config or other or strange:
        what = (other or strange or [f"peft_type {config.get('peft_type')}"])[0]
        raise UserError(f"{adapter} is not plain LoRA ({what}): fold it with peft's merge_and_unload")


def _is_of(name: str, modules: Collection[str]) -> bool:
    """Whether a tensor is of one of these modules, which peft knows by the ends of their names."""
    parts = name.split(".")
    holders = [".".join(parts[:end]) for end in range(1, len(parts))]
    return ".lora_" not in name and any(holder.endswith(each) for holder in holders for each in modules)


def _require_saved(saved: dict[str, Stored], base: dict[str, Stored], adapter: Path) -> None:
    for name, stored in saved.items():
        if name not in base or base[name].shape != stored.shape:
            raise UserError(f"{adapter} has {name} whole, which the base model has not so: another model's adapter")


def _matrix(stored: Stored) -> Any:
    import torch

    return torch.from_numpy(stored.floats().reshape(stored.shape))
