"""Small models of nothing but tensors, on the disk in any layout, and merges of them that hold everything at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

Weights = Mapping[str, Tensor]


def write(folder: Path, weights: Weights, shards: int = 1, config: Mapping[str, object] | None = None) -> Path:
    """A model folder; tensors are dealt out to so many files."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or {"model_type": "llama"}))
    if shards == 1:
        save_file(dict(weights), folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    places = {name: f"model-{i % shards + 1:05d}-of-{shards:05d}.safetensors" for i, name in enumerate(weights)}
    for file in set(places.values()):
        save_file({name: weights[name] for name in weights if places[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder


def read(folder: Path) -> dict[str, Tensor]:
    return {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def largest(deltas: Sequence[Tensor], share: float) -> list[Tensor]:
    """Masks of the largest magnitudes over all tensors: a stable sort, so the first of equals win."""
    flat = torch.cat([delta.flatten() for delta in deltas])
    order = torch.sort(flat.abs(), descending=True, stable=True).indices
    mask = torch.zeros(len(flat), dtype=torch.bool)
    mask[order[: round(share * len(flat))]] = True
    return [part.view(d.shape) for part, d in zip(mask.split([d.numel() for d in deltas]), deltas, strict=True)]


def masks(base: Weights, trained: Weights, share: float, scope: str) -> dict[str, Tensor]:
    names = sorted(name for name in base if base[name].is_floating_point())
    deltas = {name: trained[name].float() - base[name].float() for name in names}
    if scope == "tensor":
        return {name: largest([deltas[name]], share)[0] for name in names}
    return dict(zip(names, largest([deltas[name] for name in names], share), strict=True))


def selective(base: Weights, trained: Weights, share: float, scale: float, scope: str) -> dict[str, Tensor]:
    merged = dict(base)
    for name, mask in masks(base, trained, share, scope).items():
        values = base[name].float()
        moved = (values + scale * (trained[name].float() - values)).to(base[name].dtype)
        merged[name] = torch.where(mask, moved, base[name])
    return merged


def bits(weights: Weights) -> dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]:
    """What two models have in common that are equal to the bit."""
    return {
        name: (tensor.dtype, tuple(tensor.shape), tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
        for name, tensor in weights.items()
    }
