"""`lengthwise compare`: runs side by side, as one page, plots for papers and numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rl.commands.options import Json, LogCap, LogOptions, spread
from rl.commands.output import progress, require_place, write_json
from rl.errors import UserError
from rl.terminal import say

if TYPE_CHECKING:
    from rl.elsewhere.completed import Told
    from rl.report.runs import Model, Run


@spread
def compare(
    *,
    out: Annotated[Path, typer.Option(help="The folder to write: index.html, plots/, summary.json.")],
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of finished runs; none, where --beside names answers.")
    ] = None,
    published: Annotated[
        str | None,
        typer.Option(help="Draw what papers print for this benchmark beside the runs, in grey: aime24, say."),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Answers of no run, as `lengthwise evaluate --out` keeps them, or another tool's log; once for each.",
        ),
    ] = None,
    frontier: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='Measure regret from these accuracies instead of the best here: {"512": 0.41, …} in JSON, or the '
            "summary.json of an earlier comparison.",
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
    log: LogOptions,
    cap: LogCap = None,
    json_file: Json = None,
) -> None:
    """Put finished runs, or files of answers, side by side: accuracy against tokens, curves, settings, answers."""
    if not runs and not beside:
        raise UserError("nothing to compare: name folders of finished runs, or files of answers by --beside")
    if reference is not None and not reference > 0:
        raise UserError(f"--reference must be a positive number of tokens, not {reference:g}")
    require_place(json_file)
    with progress("comparing", len(runs or []) + 1, hidden=False) as advance:
        from rl.report.folder import check_out, write_comparison
        from rl.report.frontier import read_frontier
        from rl.report.published import load_published
        from rl.report.runs import compare_runs

        check_out(out)
        quoted = load_published(published) if published else None
        best = read_frontier(frontier) if frontier else None
        read, others = _read(runs or [], beside or [], log.told(cap), checkpoints, rollouts, advance)
        comparison = compare_runs(read, mixed, reference, others, best)
        write_comparison(comparison, out, problems, quoted)
    from rl.report.page.document import finite
    from rl.report.tables import numbers, print_table

    print_table(comparison, "comparison of runs")
    say(f"report: {out / 'index.html'}")
    if json_file:
        write_json(json_file, finite(numbers(comparison)))


def _read(
    runs: Sequence[Path],
    beside: Sequence[Path],
    told: Told,
    checkpoints: bool,
    rollouts: bool,
    advance: Callable[[int], None],
) -> tuple[list[Run], list[Model]]:
    """The runs, and the answers of no run."""
    from rl.folders.run import RunFolder
    from rl.report.runs import labels, read_beside, read_run

    read = []
    for path, label in zip(runs, labels(runs), strict=True):
        read.append(read_run(RunFolder(path), label, checkpoints, rollouts))
        advance(1)
    named = labels([path.with_suffix("") for path in beside])
    return read, [read_beside(path, label, told) for path, label in zip(beside, named, strict=True)]
