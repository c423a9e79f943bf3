"""A model's weights as they lie in safetensors files: read and written in pieces, never held whole.

A safetensors file is the length of its header (8 bytes, little endian), the header in JSON (name ->
dtype, shape, first and last byte), and the tensors, each in row-major order.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rl.errors import UserError
from rl.merging.floats import FLOATS, Floats, Raw, widened
from rl.reading import UNREADABLE, object_of

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PIECE = 1 << 18
"""Elements worked on at a time: a few buffers of them stay in the processor's cache."""


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: `start` and `size` are bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int
    size: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def merges(self) -> bool:
        return self.dtype in FLOATS

    def read(self, first: int = 0, last: int | None = None) -> Raw:
        """The elements from `first` to before `last` in a row; of a dtype that does not merge, its bytes."""
        dtype = FLOATS.get(self.dtype, np.dtype(np.uint8))
        width = dtype.itemsize
        last = self.size // width if last is None else last
        piece: Raw = np.empty(last - first, dtype)
        if len(piece) == 0:
            return piece
        with self.file.open("rb", buffering=0) as file:
            file.seek(self.start + first * width)
            _fill(file, piece.view(np.uint8).data)
        return piece

    def floats(self, first: int = 0, last: int | None = None) -> Floats:
        """The same elements of a dtype that merges as float32."""
        return widened(self.read(first, last), self.dtype)

    def pieces(self) -> Iterator[tuple[int, int]]:
        """First and last element of each piece, in order."""
        total = self.elements if self.merges else self.size
        for first in range(0, total, PIECE):
            yield first, min(first + PIECE, total)

    def to(self, dtype: str | None) -> Stored:
        """The same in another dtype, if it is a float and `dtype` names one."""
        if dtype is None or not self.merges:
            return self
        return replace(self, dtype=dtype, size=self.elements * FLOATS[dtype].itemsize)


def _fill(file: BinaryIO, buffer: memoryview) -> None:
    done = 0
    while done < len(buffer):
        read = file.readinto(buffer[done:])  # type: ignore[attr-defined]
        if not read:
            raise UserError(f"{file.name} ended while it was read")
        done += read


def read_weights(folder: Path, whole: str = WHOLE) -> dict[str, Stored]:
    """Where each of a model's tensors lies. Errors: UserError when a file is missing or damaged."""
    if (folder / whole).is_file():
        return _header(folder / whole)
    index = folder / INDEX
    if not index.is_file():
        raise UserError(f"{folder} holds no weights: neither {whole} nor {INDEX}")
    try:
        places: dict[str, str] = object_of(index)["weight_map"]
        files = sorted(set(places.values()))
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{index} is damaged: it maps no weights to files") from None
    found: dict[str, Stored] = {}
    for name in files:
        if not (folder / name).is_file():
            raise UserError(f"{folder}: the file {name}, which {INDEX} names, is missing")
        found |= _header(folder / name)
    absent = sorted(set(places) - set(found))
    if absent:
        raise UserError(f"{folder / places[absent[0]]} does not hold {absent[0]}, which {INDEX} puts there")
    return {name: found[name] for name in places}


def _header(file: Path) -> dict[str, Stored]:
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > size:
                raise ValueError
            header: dict[str, Any] = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        begin = 8 + length
        stored = {name: _stored(name, entry, file, begin) for name, entry in header.items()}
    except (*UNREADABLE, KeyError, TypeError, AttributeError, IndexError):
        raise UserError(f"{file} is damaged: it has no safetensors header") from None
    if any(tensor.start + tensor.size > size for tensor in stored.values()):
        raise UserError(f"{file} is damaged: it has {size} bytes and its header speaks of more")
    if not stored:
        raise UserError(f"{file} holds no weights")
    return stored


def _stored(name: str, entry: dict[str, Any], file: Path, begin: int) -> Stored:
    """Errors: ValueError and its like where the entry is none that safetensors writes."""
    shape, (first, last) = entry["shape"], entry["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, first, last)) or last < first:
        raise ValueError
    found = Stored(name, str(entry["dtype"]), tuple(shape), file, begin + first, last - first)
    if found.merges and found.size != found.elements * FLOATS[found.dtype].itemsize:
        raise ValueError
    return found


class Writer:
    """The files of a model that is being written; tensors come in any order, each piece once.

    `tensors` says what will come; each goes to the file of the name it lies in now. The room is
    taken at once, so that a full disk shows before the work; a file that is full goes to the disk
    while the next one is written. Use as a context.
    """

    def __init__(self, folder: Path, tensors: Sequence[Stored]) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._files: list[int] = []
        self._left: dict[int, int] = {}
        self._syncing = ThreadPoolExecutor(1)
        self._synced: list[Future[None]] = []
        shards: dict[str, list[Stored]] = {}
        for tensor in tensors:
            shards.setdefault(tensor.file.name, []).append(tensor)
        try:
            for name, held in shards.items():
                self._start(folder / name, held)
        except BaseException:
            self._close()
            raise
        if len(shards) > 1 or WHOLE not in shards:
            _write_index(folder, tensors)

    def _start(self, path: Path, tensors: Sequence[Stored]) -> None:
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        end = 0
        for tensor in tensors:
            header[tensor.name] = {
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                "data_offsets": [end, end + tensor.size],
            }
            end += tensor.size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        begin = 8 + len(text)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self._files.append(file)
        os.posix_fallocate(file, 0, begin + end)
        _write_at(file, len(text).to_bytes(8, "little") + text, 0)
        for tensor in tensors:
            self._places[tensor.name] = file, begin + header[tensor.name]["data_offsets"][0]
        self._left[file] = end

    def write(self, name: str, first: int, piece: Raw) -> None:
        """Put a piece, already of the tensor's dtype, at element `first` of a tensor."""
        file, begin = self._places[name]
        if len(piece):
            data = np.ascontiguousarray(piece).view(np.uint8).data
            _write_at(file, data, begin + first * piece.itemsize)
            self._left[file] -= len(data)
            if not self._left[file]:
                self._synced.append(self._syncing.submit(os.fsync, file))

    def _close(self) -> None:
        self._syncing.shutdown()
        for file in self._files:
            os.close(file)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        for synced in self._synced:
            synced.result()


def _write_at(file: int, data: bytes | memoryview, place: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, place)
        view, place = view[written:], place + written


def _write_index(folder: Path, tensors: Sequence[Stored]) -> None:
    places: Mapping[str, str] = {tensor.name: tensor.file.name for tensor in tensors}
    total = sum(tensor.size for tensor in tensors)
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": places}, indent=2))
