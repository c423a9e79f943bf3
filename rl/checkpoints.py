"""A run's own state beside TRL's in a checkpoint: plain JSON, written last, so it marks a whole one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

STATE_FILE = "length_state.json"


def write(folder: Path, state: dict[str, Any]) -> None:
    """Write the state to a temporary file and rename it: it is there whole, or not at all."""
    temporary = folder / (STATE_FILE + ".tmp")
    with temporary.open("w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / STATE_FILE)


def read(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text())
    return state


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint below `folder`; torn ones, which lack the state file, are passed over."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{STATE_FILE}")]
    return max(found, key=step, default=None)


def step(checkpoint: Path) -> int:
    """The optimiser step a checkpoint was taken after."""
    return int(checkpoint.name.rpartition("-")[2])
