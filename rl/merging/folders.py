"""Model folders to merge: found, checked against each other, and what else of a model goes along."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rl.errors import UserError
from rl.folders.intact import model_damage
from rl.merging.floats import FLOATS, Floats
from rl.merging.shards import Stored, read_weights
from rl.reading import object_of

ALONG = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken", "*.py", "tokenizer*", "chat_template*")
"""Tokenizer, configurations and code of a model: all small files beside its weights."""

NOT_ALONG = ("*.index.json", "merge.json", "trainer_state.json", "length_state.json", "adapter_*", "*all_results.json")
HEADS = ("lm_head.weight", "embed_out.weight")
"""Names of an output layer, which a model with tied embeddings may store or leave out."""
EMBEDDINGS = ("embed_tokens.weight", "embed_in.weight", "wte.weight")
"""Names of an input embedding."""


def find_model(name: str, weights: bool = True) -> Path:
    """The folder of a model by path, hub name or `demo`; of the hub's, perhaps without weights. Errors: UserError."""
    path = Path(name).expanduser()
    if path.is_dir():
        wrong = model_damage(path) if weights else None
        if wrong is not None:
            raise UserError(f"{path}: {wrong}; put it back, or take another model")
        return path
    from huggingface_hub import snapshot_download

    from rl.models import resolve_model

    found = resolve_model(name)
    if Path(found).is_dir():
        return Path(found)
    try:
        return Path(snapshot_download(found, allow_patterns=[*(["*.safetensors"] if weights else []), *ALONG]))
    except Exception as error:
        raise UserError(f"model {name!r}: no such folder, and not found on the hub ({type(error).__name__})") from error


def known_as(name: str) -> str:
    """What a model is called in public: its hub name, or the last part of its path."""
    path = Path(name).expanduser()
    return path.absolute().name if path.exists() else name


@dataclass(frozen=True)
class Models:
    """A base model and models trained from it, tensor by tensor of the same shape; in order of the names."""

    base: dict[str, Stored]
    trained: tuple[dict[str, Stored], ...]

    def merged_names(self) -> list[str]:
        return [name for name, tensor in self.base.items() if tensor.merges]

    def elements(self) -> int:
        return sum(self.base[name].elements for name in self.merged_names())

    def places(self, names: Iterable[str]) -> list[tuple[str, int, int]]:
        """The pieces of some tensors, in order: a tensor's name, first and last element."""
        return [(name, *piece) for name in names for piece in self.base[name].pieces()]

    def read(self, name: str, first: int, last: int) -> tuple[Floats, ...]:
        """Each (last - first,) float32: of the base, and of every trained model."""
        return tuple(side[name].floats(first, last) for side in (self.base, *self.trained))

    def delta(self, number: int, name: str, first: int, last: int) -> Floats:
        """(last - first,) float32: trained model `number` less the base."""
        base, trained = (side[name].floats(first, last) for side in (self.base, self.trained[number]))
        return np.subtract(trained, base, out=trained)

    def deltas(self, name: str, first: int, last: int) -> tuple[Floats, ...]:
        """Each (last - first,) float32: of the base, and of every trained model less the base."""
        base, *trained = self.read(name, first, last)
        return base, *(np.subtract(side, base, out=side) for side in trained)


def pair(base: Path, trained: Sequence[Path]) -> Models:
    """Read where the weights lie and check that they fit."""
    sides = [read_weights(folder) for folder in (base, *trained)]
    folders = (base, *trained)
    for side, folder in zip(sides, folders, strict=True):
        _leave_out_tied_head(side, folder)
    first = sides[0]
    for side, folder in zip(sides[1:], folders[1:], strict=True):
        _require_fit(first, base, side, folder)
    if not any(tensor.merges for tensor in first.values()):
        raise UserError(f"{base} holds no weights that can be merged ({', '.join(FLOATS)})")
    order = sorted(first)
    ordered = [{name: side[name] for name in order} for side in sides]
    return Models(ordered[0], tuple(ordered[1:]))


def _require_fit(base: dict[str, Stored], base_at: Path, other: dict[str, Stored], at: Path) -> None:
    for one, one_at, two, two_at in ((base, base_at, other, at), (other, at, base, base_at)):
        absent = sorted(set(one) - set(two))
        if absent:
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            raise UserError(f"{two_at} has no tensor {absent[0]}{more}, which {one_at} has: not the same model")
    for name, tensor in base.items():
        twin = other[name]
        if tensor.shape != twin.shape:
            shapes = f"{list(tensor.shape)} in {base_at} and {list(twin.shape)} in {at}"
            raise UserError(f"{name} is {shapes}: models of different shapes cannot be merged")
        if tensor.merges and twin.merges:
            continue
        if tensor.dtype != twin.dtype or tensor.dtype.startswith("F"):
            raise UserError(
                f"{name} is of type {tensor.dtype} and {twin.dtype}: only {', '.join(FLOATS)} can be merged"
            )
        if not _same(tensor, twin):
            raise UserError(f"{name}, of type {tensor.dtype}, differs between {base_at} and {at} and cannot be merged")


def _same(one: Stored, two: Stored) -> bool:
    return one.dtype == two.dtype and all(_equal(one, two, *p) for p in one.pieces())


def _equal(one: Stored, two: Stored, first: int, last: int) -> bool:
    """Whether two of one dtype have equal values there: 0 and -0 are, NaN is not."""
    if one.merges:
        return np.array_equal(one.floats(first, last), two.floats(first, last))
    return np.array_equal(one.read(first, last), two.read(first, last))


def _leave_out_tied_head(weights: dict[str, Stored], folder: Path) -> None:
    """Where the config ties the embeddings, a stored output layer is a copy: merge it once."""
    config = read_json(folder / "config.json")
    text = config.get("text_config") or {}
    if not config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)):
        return
    for name in [name for name in weights if name.endswith(HEADS)]:
        head = weights[name]
        twins = [tensor for tensor in weights.values() if tensor.shape == head.shape and tensor is not head]
        if not any(_same(head, twin) for twin in twins):
            raise UserError(f"{folder}: config.json ties the embeddings, but {name} is not the input embedding")
        del weights[name]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file; empty where there is no such file."""
    return object_of(path) if path.is_file() else {}


def files_along(model: Path) -> list[Path]:
    """Tokenizer, configurations and code beside a model's weights. Errors: UserError for a link out of its folder."""
    found = {path for pattern in ALONG for path in model.glob(pattern) if path.is_file()}
    along = sorted(path for path in found if not any(path.match(pattern) for pattern in NOT_ALONG))
    for path in along:
        if leads_out(path):
            raise UserError(f"{path} is a link to what is no part of the model, and would be copied; put a file there")
    return along


def leads_out(path: Path) -> bool:
    """Whether a file of a model's folder is a link out of it; the hub's cache links to its own blobs."""
    folder = path.parent.resolve()
    inside = [folder, *([folder.parents[1] / "blobs"] if folder.parent.name == "snapshots" else [])]
    return path.is_symlink() and not any(path.resolve().is_relative_to(each) for each in inside)


def copy_along(model: Path, out: Path) -> None:
    """Put them beside merged weights."""
    for path in files_along(model):
        shutil.copyfile(path, out / path.name)
