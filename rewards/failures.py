"""How an error of a plug-in is told: in one line, with the line of the plug-in's own code that it came from."""

from __future__ import annotations

import sysconfig
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path

OURS = ("rewards", "curricula", "rl", "lengthwise", "data_synth")
"""Our own folders, where no code of others lies."""


def told(error: BaseException, most: int | None = None) -> str:
    """`ValueError: what it says (FILE:LINE)`; what it says is cut to `most` characters."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())}"[:most]
    place = place_of(error)
    return f"{said} ({place})" if place else said


def place_of(error: BaseException) -> str | None:
    """`FILE:LINE` of the innermost frame that is neither ours, nor Python's, nor an installed library's; a file below
    the working directory as seen from there. None where there is no such frame."""
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__) if not _elsewhere(f.filename)]
    if not frames:
        return None
    file, line = frames[-1]
    with suppress(ValueError, OSError):  # not below it, or it was deleted
        file = str(Path(file).relative_to(Path.cwd()))
    return f"{file}:{line}"


def _elsewhere(file: str) -> bool:
    return file.startswith("<frozen ") or file.startswith(_not_theirs())


@cache
def _not_theirs() -> tuple[str, ...]:
    root = Path(__file__).parents[1]
    paths = sysconfig.get_paths()
    libraries = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{place}/" for place in [*libraries, *(root / name for name in OURS)])
