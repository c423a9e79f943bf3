"""`lengthwise watch`: a run's dashboard on the terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from rl.errors import UserError
from rl.terminal import console


def watch(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end; so without a terminal.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks at the files.")] = 2.0,
) -> None:
    """Show a running or finished run: progress, lengths against budget, accuracy, entropy, alarms. Ends with q."""
    from rich.live import Live

    from rl.watch import Reader, frame

    terminal, reader = console(), Reader(run)
    state = reader.read()
    if once or not (sys.stdin.isatty() and terminal.is_terminal):
        terminal.print(frame(state, terminal.width))
        return
    with _keys() as pressed, Live(console=terminal, screen=True, auto_refresh=False) as live:
        while True:
            live.update(frame(state, terminal.width, terminal.height), refresh=True)
            if pressed(every) in ("q", "Q", "\x03", "\x1b"):
                return
            with suppress(OSError, UserError):  # the run is just being set back, or overwritten
                state = reader.read()


@contextmanager
def _keys() -> Iterator[Callable[[float], str | None]]:
    """Gives a function that waits so many seconds for a key; None: there was none."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def pressed(seconds: float) -> str | None:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return os.read(descriptor, 1).decode(errors="replace") if ready else None

    try:
        tty.setcbreak(descriptor)
        yield pressed
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
