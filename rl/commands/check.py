"""`lengthwise check`: whether a run, or a released folder, still has every bit that was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.errors import UserError


def check(folder: Annotated[Path, typer.Argument(help="A run's folder, or a released one.")]) -> None:
    """Look at every bit of a run (checkpoints, final model, answers), or of a released folder, by their SHA-256."""
    from rl.folders.intact import damages
    from rl.folders.sums import require_released
    from rl.folders.written import Mark
    from rl.terminal import say

    if Mark(folder).kind != "run":
        require_released(folder)
        say(f"{folder}: every file is as it was released")
        return
    wrong = damages(folder)
    for line in wrong:
        say(line)
    if wrong:
        raise UserError(f"{folder}: {len(wrong)} of its parts are damaged; put them back, or delete them")
    say(f"{folder}: checkpoints, final model and answers are as they were written")
