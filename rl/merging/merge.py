"""Merge models on the disk into a new one, in the memory of pieces of a tensor, or of one of moderate size."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rewards.texts import require_lists
from rl.errors import UserError
from rl.folders.whole import require_new, whole_folder
from rl.installed import installed
from rl.merging.dtypes import main_dtype, rounded, state
from rl.merging.floats import Raw
from rl.merging.folders import EMBEDDINGS, HEADS, Models, copy_along, find_model, known_as, pair, read_json
from rl.merging.lora import CONFIG, folding, is_adapter
from rl.merging.methods import Method, Piece
from rl.merging.origin import keep
from rl.merging.shards import Stored, Writer, read_weights

RECORD = "merge.json"
"""How a merged model was made, beside its weights."""

AHEAD = 16
"""Pieces read before they are merged."""


def merge(base: str, trained: Sequence[str], out: Path, method: Method, dtype: str | None = None) -> dict[str, Any]:
    """Write base and trained models, merged, to the folder `out`; gives what `merge.json` says.

    The files are cut as the base's are; tokenizer and configurations are the (first) trained
    model's, in the base's words where they say the same. `dtype` (F32, BF16, F16) is the result's; by
    default each tensor has the base's. All arithmetic is in float32, rounded once. Errors:
    UserError; then nothing is written.
    """
    require_lists(trained=trained)
    require_new(out)
    folders = [find_model(name) for name in trained]
    for name, folder in zip(trained, folders, strict=True):
        if is_adapter(folder):
            raise UserError(f"{name} is an adapter: fold it into its base first, with --method lora")
    base_at = find_model(base)
    models = pair(base_at, folders)
    method.start(models)
    results = _results(models.base, dtype)
    with _one_thread(), whole_folder(out, sum(tensor.size for tensor in results.values())) as folder:
        kind = _dress(folder, [folders[0]], base_at, results)
        with Writer(folder, list(results.values())) as writer:
            for name, first, piece in _merged(models, method):
                writer.write(name, first, _rounded(piece, results[name]))
        return _record(folder, base, trained, method.name, {**method.facts(), "dtype": kind})


def _results(base: dict[str, Stored], dtype: str | None) -> dict[str, Stored]:
    """What will be written."""
    return {name: tensor.to(dtype) for name, tensor in base.items()}


def _dress(folder: Path, models: Sequence[Path], base: Path, results: dict[str, Stored]) -> str | None:
    """Put models' tokenizers and configurations, the later over the earlier, beside weights; gives the dtype told."""
    for model in models:
        copy_along(model, folder)
    keep(base, folder)
    kind = main_dtype(results)
    if kind is not None:
        state(folder, kind)
    return kind


def _merged(models: Models, method: Method) -> Iterator[tuple[str, int, Raw]]:
    """Every piece of the result, in order; the next ones are read meanwhile."""
    pieces = _pieces(models, method)
    with ThreadPoolExecutor(1) as thread:
        reading = deque(thread.submit(next, pieces, None) for _ in range(AHEAD))
        while (read := reading.popleft().result()) is not None:
            reading.append(thread.submit(next, pieces, None))
            name, first, make = read
            yield name, first, make()


def _pieces(models: Models, method: Method) -> Iterator[tuple[str, int, Piece]]:
    for name, tensor in models.base.items():
        if tensor.merges:
            starts = (first for first, _ in tensor.pieces())
            yield from ((name, first, make) for first, make in zip(starts, method.pieces(name), strict=True))
        else:
            for place in tensor.pieces():
                yield name, place[0], partial(tensor.read, *place)


def fold(base: str, adapter: str, out: Path, dtype: str | None = None) -> dict[str, Any]:
    """Write the base with a LoRA adapter folded in to `out`, as `merge` does; one tensor in memory at a time."""
    require_new(out)
    place = find_model(adapter)
    size = sum(tensor.size for tensor in _results(read_weights(find_model(base)), dtype).values())
    with whole_folder(out, size) as folder:
        return _record(folder, base, [adapter], "lora", write_folded(folder, base, place, dtype))


def write_folded(folder: Path, base: str, adapter: Path, dtype: str | None) -> dict[str, Any]:
    """The same into a folder that is there, with no record of it; gives what there is to say about it."""
    if not is_adapter(adapter):
        raise UserError(f"{adapter} is not an adapter: it has no adapter_config.json")
    base_at = find_model(base)
    weights = read_weights(base_at)
    _require_untied(base_at, adapter)
    folded, facts = folding(weights, adapter)
    results = _results(weights, dtype)
    kind = _dress(folder, [base_at, adapter], base_at, results)
    with Writer(folder, list(results.values())) as writer:
        for name, tensor in weights.items():
            writer.write(name, 0, _rounded(folded(tensor), results[name]))
    return {**facts, "dtype": kind}


def _require_untied(base: Path, adapter: Path) -> None:
    """Refuse an output layer or input embedding trained apart from the other, where the base has one for both."""
    saved = read_json(adapter / CONFIG).get("modules_to_save") or ()
    ends = [name for name in saved if f"{name}.weight".endswith((*HEADS, *EMBEDDINGS))]
    if ends and read_json(base / "config.json").get("tie_word_embeddings"):
        raise UserError(f"{adapter} has {ends[0]} whole, and {base} has one tensor for both embeddings: keep it apart")


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Pieces are too small to share, and threads that wait for the next one take time from those that work."""
    torch: Any = sys.modules.get("torch")  # where a method needs it, it is there by now
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rounded(piece: Raw, result: Stored) -> Raw:
    return rounded(result.name, piece, result.dtype) if result.merges else piece


def _record(folder: Path, base: str, trained: Sequence[str], method: str, facts: dict[str, Any]) -> dict[str, Any]:
    record = {
        "method": method,
        "base": known_as(base),
        "trained": [known_as(name) for name in trained],
        **facts,
        "versions": {name: installed(name) for name in ("lengthwise", "torch")},
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    return record
