"""`lengthwise compare`: runs side by side, as one page, plots for papers and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.commands.options import Json
from rl.commands.output import require_place, write_json
from rl.errors import UserError
from rl.terminal import say


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    out: Annotated[Path, typer.Option(help="The folder to write: index.html, plots/, summary.json.")],
    published: Annotated[
        str | None,
        typer.Option(help="Draw what papers print for this benchmark beside the runs, in grey: aime24, say."),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Answers of no run, as `lengthwise evaluate --out` keeps them; once for each."
        ),
    ] = None,
    checkpoints: Annotated[bool, typer.Option(help="Show the checkpoints that were evaluated, too.")] = True,
    rollouts: Annotated[
        bool, typer.Option(help="Read the runs' rollouts; without, the figures made of them are missing.")
    ] = True,
    problems: Annotated[int, typer.Option(min=0, help="Held-out problems to show in full, evenly chosen.")] = 40,
    reference: Annotated[
        float | None, typer.Option(help="Tokens of the hypervolume's reference point; the evaluation's cap by default.")
    ] = None,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Draw runs evaluated by different protocols all the same, and say so.")
    ] = False,
    json_file: Json = None,
) -> None:
    """Put finished runs side by side: accuracy against tokens, training curves, settings, answers."""
    from rl.folders.run import RunFolder
    from rl.report.folder import check_out, write_comparison
    from rl.report.page.page import finite
    from rl.report.published import load_published
    from rl.report.runs import compare_runs, labels, read_beside, read_run
    from rl.report.tables import numbers, print_table

    check_out(out)
    if reference is not None and not reference > 0:
        raise UserError(f"--reference must be a positive number of tokens, not {reference:g}")
    require_place(json_file)
    quoted = load_published(published) if published else None
    read = [read_run(RunFolder(p), label, checkpoints, rollouts) for p, label in zip(runs, labels(runs), strict=True)]
    named = labels([path.with_suffix("") for path in beside]) if beside else []
    others = [read_beside(path, label) for path, label in zip(beside or [], named, strict=True)]
    comparison = compare_runs(read, mixed, reference, others)
    write_comparison(comparison, out, problems, quoted)
    print_table(comparison, "comparison of runs")
    say(f"report: {out / 'index.html'}")
    if json_file:
        write_json(json_file, finite(numbers(comparison)))
