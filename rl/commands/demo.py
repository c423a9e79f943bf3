"""`lengthwise demo`: a small model trained to think shorter, here and now."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from rl.commands.options import Json, Overrides, Overwrite
from rl.commands.output import require_place, write_summary


def demo(
    out: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("runs/demo"),
    method: Annotated[str, typer.Option(help="The recipe to show beside plain GRPO.")] = "demo-dler",
    seed: Annotated[int, typer.Option(help="Seed of sampling and problem order.")] = 0,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    json_file: Json = None,
) -> None:
    """Train a small reasoning model to think shorter, beside plain GRPO, and show it. Minutes on two cores."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # for its runs, which are processes of their own
    from rl.demo.demo import demo as run_demo

    require_place(json_file)
    summary = run_demo(out, method, seed, overrides or [], overwrite)
    from rl.demo.result import shortened

    write_summary(json_file, summary)
    if not shortened(summary):
        raise typer.Exit(1)
