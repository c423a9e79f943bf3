"""`lengthwise audit`: what methods would do with rollouts that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.commands.options import Json, LogCap, LogOptions, Quiet, spread
from rl.commands.output import progress, require_place, write_json
from rl.terminal import say


@spread
def audit(
    *,
    rollouts: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Rollouts: JSON lines, a run, or another tool's log; once for each file."),
    ],
    methods: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Recipes by name or path, as dler,kimi; all papers' by default."),
    ] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Tokens, instead of each recipe's own budget.")] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="OPTION=LOW:HIGH:COUNT", help="Values of an option, or of `budget`; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write: index.html and summary.json.")] = None,
    log: LogOptions,
    cap: LogCap = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Say what each method would do with rollouts before anything is trained: signal, sign flips, pull on length.

    Methods are recipes, each stage by itself, scored with their own estimator and cap.
    """
    from rl.audit.audit import audit as audited
    from rl.audit.folder import check_out, write_audit
    from rl.audit.methods import ALL, Sweep, chosen, sweeps
    from rl.audit.sample import Sample
    from rl.audit.shown import print_audit
    from rl.elsewhere.rollout_files import read_rollouts
    from rl.report.page.document import finite

    require_place(json_file)
    if out is not None:
        check_out(out)
    wanted = sweeps(chosen(methods or [ALL]), [Sweep.parse(text) for text in sweep or []])
    sample = Sample.of(read_rollouts(*rollouts, told=log.told(cap)))
    with progress("auditing", len(wanted), quiet) as advance:
        found = audited(wanted, sample, budget, advance)
    print_audit(found)
    if json_file:
        write_json(json_file, finite(found.to_dict()))
    if out is not None:
        write_audit(found, out, f"Audit of {', '.join(path.name for path in rollouts)}")
        say(f"page: {out / 'index.html'}")
