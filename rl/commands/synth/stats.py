"""`lengthwise synth stats`: what synthetic rows are like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.options import Json, Quiet
from rl.commands.output import require_place, write_json
from rl.commands.synth.rows import RowFile, bad_files_are_mistakes, counted
from rl.terminal import console, say


def stats(
    file: RowFile,
    plots: Annotated[Path | None, typer.Option(help="Draw PNG files into this folder.")] = None,
    quiet: Quiet = False,
    json_file: Json = None,
) -> None:
    """What a file of synthetic rows holds: lengths, depths, chains, commonest answers."""
    from rich.table import Table

    from data_synth.check import read_rows
    from data_synth.check.stats import collect

    require_place(json_file)
    with bad_files_are_mistakes(), counted(file, quiet) as advance:
        tasks = collect(_telling(read_rows(file), advance))
    found = {task: stats.to_dict() for task, stats in tasks.items()}
    table = Table("task", "", "min", "mean", "max", box=None, pad_edge=False)
    for task, numbers in found.items():
        table.add_row(task, "rows", "", "", str(numbers["rows"]))
        for name, value in numbers.items():
            if isinstance(value, dict) and "mean" in value:
                table.add_row("", name.replace("_", " "), *(f"{value[k]:.4g}" for k in ("min", "mean", "max")))
        answer, share = next(iter(numbers["commonest_answers"].items()))
        table.add_row("", f"commonest answer {answer[:30]!r}", "", f"{share:.2%}", "")
    console().print(table)
    if plots:
        from rl.synth.plots import draw

        for path in draw(tasks, plots):
            say(f"plot: {path}")
    if json_file:
        write_json(json_file, found)


def _telling(rows: Iterator[Any], advance: Callable[[int], None]) -> Iterator[Any]:
    for row in rows:
        yield row
        advance(1)
