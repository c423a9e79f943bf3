"""SHA-256 of files, and of what is no file: what tells whether something is still what it was.

Several threads at a time make them, as `hashlib` lets others run; a large file in blocks is made by several, too.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

THREADS = 8
BLOCK = 1 << 30
CHUNK = 1 << 20
"""Bytes that have a digest of their own, and that are read at a time."""


def digests(files: Iterable[Path]) -> Mapping[Path, str]:
    """Of each file as a whole, in hexadecimal, as `sha256sum` gives it. Errors: OSError."""
    return {path: found for path, (found,) in _digests({path: [None] for path in files}).items()}


def block_digests(files: Iterable[Path]) -> Mapping[Path, list[str]]:
    """Of each block of each file; of an empty file, one. Errors: OSError."""
    return _digests({path: list(range(0, max(1, path.stat().st_size), BLOCK)) for path in files})


def digest_of(texts: Iterable[str]) -> str:
    """Of texts, one a line."""
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode() + b"\n")
    return found.hexdigest()


def _digests(starts: Mapping[Path, Sequence[int | None]]) -> Mapping[Path, list[str]]:
    """Of the blocks that start there; None: of the whole file."""
    largest_first = sorted(starts, key=lambda path: -path.stat().st_size)
    tasks = [(path, start) for path in largest_first for start in starts[path]]
    found: dict[Path, list[str]] = {path: [] for path in starts}
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as threads:
        for (path, _), digest in zip(tasks, threads.map(lambda task: _digest(*task), tasks), strict=True):
            found[path].append(digest)
    return found


def _digest(path: Path, start: int | None) -> str:
    with path.open("rb") as file:
        if start is None:
            return hashlib.file_digest(file, "sha256").hexdigest()
        found, left = hashlib.sha256(), BLOCK
        file.seek(start)
        while left and (chunk := file.read(min(CHUNK, left))):
            found.update(chunk)
            left -= len(chunk)
        return found.hexdigest()
