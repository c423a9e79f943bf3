"""Checkpoints that are there whole or not at all, and which of them a run goes on from.

A checkpoint is written below `_writing`, then made durable and moved to its place, and only then are
older ones deleted. Our own state, plain JSON, is its last file: it lists the size of every other
file, so a checkpoint that was damaged or copied in part is known, too.

A checkpoint's place in the metrics is its step: the lines up to it were on the disk before it was.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATE_FILE = "length_state.json"
WRITING = "_writing"
"""Holds checkpoints that are being written. TRL does not upload folders that begin with `_`."""


def write(folder: Path, state: dict[str, Any]) -> None:
    """Add the state file to a checkpoint that has all its other files, and make all of it durable."""
    files = {str(path.relative_to(folder)): path.stat().st_size for path in _files(folder)}
    temporary = folder / (STATE_FILE + ".tmp")
    temporary.write_text(json.dumps({"files": files, "state": state}))
    sync_all(folder)
    temporary.rename(folder / STATE_FILE)
    sync(folder)


def commit(root: Path, name: str, state: dict[str, Any], keep: int | None) -> None:
    """Finish `root`/_writing/`name`, move it to `root`/`name`, and only then delete all but the `keep` newest."""
    written, place = root / WRITING / name, root / name
    write(written, state)
    if place.exists():  # damaged, or it would have been the one to go on from
        shutil.rmtree(place)
    written.rename(place)
    sync(root)
    if keep and keep > 0:
        for old in sorted((path for path in _all(root) if path != place), key=step, reverse=True)[keep - 1 :]:
            shutil.rmtree(old)


def read(folder: Path) -> dict[str, Any]:
    """The state of a whole checkpoint."""
    state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text())["state"]
    return state


@dataclass(frozen=True)
class Found:
    """The checkpoint to go on from, and the newer ones that are not whole, with what is wrong."""

    used: Path | None
    skipped: dict[str, str]

    def __str__(self) -> str:
        start = f"from {self.used.name}" if self.used else "from the start"
        skipped = "; ".join(f"skipped {name} ({fault})" for name, fault in self.skipped.items())
        return start + (f"; {skipped}" if skipped else "")


def find(root: Path, spoiled: Callable[[Path], str | None] = lambda checkpoint: None) -> Found:
    """The newest whole checkpoint below `root` of which `spoiled` says nothing."""
    skipped = {path.name: "it was still being written" for path in _all(root / WRITING)}
    for path in sorted(_all(root), key=step, reverse=True):
        wrong = fault(path) or spoiled(path)
        if wrong is None:
            return Found(path, skipped)
        skipped[path.name] = wrong
    return Found(None, skipped)


def latest(root: Path) -> Path | None:
    """The newest whole checkpoint below `root`, if any."""
    return find(root).used


def remove_torn(root: Path, found: Found | None = None) -> None:
    """Delete what `find` skips, or did: the run writes those steps again."""
    shutil.rmtree(root / WRITING, ignore_errors=True)
    found = found or find(root)
    for name in found.skipped:
        if root / name != found.used:  # it was being written a second time
            shutil.rmtree(root / name, ignore_errors=True)


def fault(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint; None: it is whole."""
    try:
        files = json.loads((checkpoint / STATE_FILE).read_text())["files"]
    except FileNotFoundError:
        return f"{STATE_FILE} is missing"
    except (ValueError, KeyError, TypeError):
        return f"{STATE_FILE} cannot be read"
    for name, size in files.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes, not {size}"
    return None


def step(checkpoint: Path) -> int:
    """The optimiser step a checkpoint was taken after."""
    return int(checkpoint.name.rpartition("-")[2])


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder, before anything is built on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """The same for all that is in a folder."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def _all(root: Path) -> list[Path]:
    return [path for path in root.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
