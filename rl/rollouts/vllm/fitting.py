"""Whether weights fit a worker's model, by names and shapes, before the engine that samples from it is touched.

What vLLM does with a tensor of another shape leaves its model in parts, and nothing loads into those any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM
from transformers.core_model_loading import revert_weight_conversion

from rl.models import load_config, resolve_model, without_weights
from rl.rollouts.weights import adapter_rank

Shape = tuple[int, ...]
_PEFT = "base_model.model."
_SIDES = (".lora_A.weight", ".lora_B.weight")


class Misfit(ValueError):
    """Weights that are no weights of the model, in one line."""


@dataclass(frozen=True)
class Model:
    """Names and shapes of a model's tensors."""

    stored: Mapping[str, Shape]
    """As a checkpoint has them, persistent buffers and tied weights under each of their names included."""
    needed: frozenset[str]
    """Those without which a checkpoint is not whole: parameters, tied ones by their first name."""
    own: Mapping[str, Shape]
    """As transformers has them, which is how an adapter calls them."""

    def require_fit(self, folder: Path, room: int | None = None) -> None:
        """Look at the headers of a folder's files; `room` is the largest rank of an adapter. Errors: Misfit."""
        found = shapes_of(folder)
        rank = adapter_rank(folder)
        if rank is not None and (room is None or rank > room):
            whole = "whole models (--adapter-rank has it take adapters)"
            takes = whole if room is None else f"adapters up to rank {room}"
            raise Misfit(f"this worker takes {takes}, and {folder} holds an adapter of rank {rank}")
        if rank is None and room is not None:
            raise Misfit(f"this worker takes adapters, and {folder} holds none")
        for name, shape in found.items():
            known = self.stored.get(name) if rank is None else self._of_adapter(name, rank)
            if known is None:
                raise Misfit(f"the model has no tensor {name}")
            if shape != known:
                raise Misfit(f"{name} is {list(shape)}, and {list(known)} in the model")
        missing = sorted(self.needed - set(found)) if rank is None else []
        if missing:
            raise Misfit(f"{missing[0]} is missing, one of {len(missing)}")

    def _of_adapter(self, name: str, rank: int) -> Shape | None:
        """Of one half of an adapted layer: (rank, in) or (out, rank)."""
        side = next((end for end in _SIDES if name.endswith(end)), None)
        if side is None or not name.startswith(_PEFT):
            return None
        layer = self.own.get(name.removeprefix(_PEFT).removesuffix(side) + ".weight")
        if layer is None or len(layer) != 2:
            return None
        return (rank, layer[1]) if side == _SIDES[0] else (layer[0], rank)


def model_of(name: str) -> Model:
    """The model at a path or hub name, without its weights. Errors: UserError."""
    config = load_config(resolve_model(name))
    with without_weights():
        whole = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    own = dict(whole.state_dict())
    parameters = {name: parameter.detach() for name, parameter in whole.named_parameters()}
    stored, needed = (revert_weight_conversion(whole, dict(tensors)) for tensors in (own, parameters))
    return Model(_shapes(stored), frozenset(needed), _shapes(own))


def shapes_of(folder: Path) -> Mapping[str, Shape]:
    """Of all tensors in a folder's safetensors, by their headers.

    Errors: Misfit where anything in it is no plain file: a pipe would be waited for without end.
    """
    strange = next((path for path in folder.iterdir() if not path.is_file()), None)
    if strange is not None:
        raise Misfit(f"{strange} is no plain file")
    found: dict[str, Shape] = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118 - it is no mapping
                    if name in found:
                        raise Misfit(f"{name} stands in two files of {folder}")
                    found[name] = tuple(opened.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            raise Misfit(f"cannot read {file}: {' '.join(str(error).split())}") from error
    return found


def _shapes(tensors: Mapping[str, torch.Tensor]) -> Mapping[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
