"""`lengthwise release`: make a folder of a run's model that others can use, and upload it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.commands.options import Dtype, Json, token_counts
from rl.commands.output import require_place, write_json
from rl.errors import UserError
from rl.terminal import say


def release(
    run: Annotated[Path, typer.Argument(help="A run's folder; with --push and no --out, a folder released before.")],
    checkpoint: Annotated[str, typer.Option(help="best, last, pareto, or a step.")] = "last",
    out: Annotated[Path | None, typer.Option(help="The folder to write; must be new.")] = None,
    license_: Annotated[str | None, typer.Option("--license", help="Its identifier: apache-2.0, mit.")] = None,
    base: Annotated[
        str | None, typer.Option(help="The model that was trained, as the public knows it; for an adapter, its base.")
    ] = None,
    adapter: Annotated[bool, typer.Option("--adapter", help="Leave an adapter one; else it is folded.")] = False,
    dtype: Annotated[Dtype | None, typer.Option(help="Of the weights; by default the base model's.")] = None,
    evaluation: Annotated[
        list[Path] | None, typer.Option(help="Figures for the card, from evaluate --json; repeatable.")
    ] = None,
    caps: Annotated[str | None, typer.Option(help="Caps for the run's own figures, as 2048,4096.")] = None,
    budgets: Annotated[
        Path | None, typer.Option(help="What it gives at which budget of thinking, from evaluate --force-at --json.")
    ] = None,
    repository: Annotated[
        str | None,
        typer.Option("--push", metavar="REPO", help="Upload to this repository; only told without --yes."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do upload.")] = False,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; private by default.")] = False,
    json_file: Json = None,
) -> None:
    """Release a run's model: weights, card, recipe, exact versions, checksums. Nothing is uploaded without --yes.

    best: the highest accuracy of the evaluated checkpoints.

    pareto: the fewest tokens of those within one standard error of the best accuracy.
    """
    from rl import release as releasing
    from rl.folders.run import RunFolder
    from rl.models import quieten_libraries
    from rl.release.push import require_repository

    quieten_libraries()
    require_place(json_file)
    if repository:
        require_repository(repository)
    elif yes or public:
        raise UserError("--yes and --public are for --push REPO")
    if out is None and not repository:
        raise UserError("give --out, the folder to write")
    if out is not None:
        wanted = releasing.Wanted(
            license_,
            checkpoint,
            base,
            adapter,
            evaluation or (),
            token_counts(caps),
            repository.split("/")[-1] if repository else None,
            repository,
            budgets,
            dtype,
        )
        result = releasing.release(RunFolder(run), wanted, out)
        say(f"step {result['step']}: {result['why']}\nreleased: {out}")
        if json_file:
            write_json(json_file, result)
    if repository:
        for line in releasing.push(out or run, repository, yes, not public):
            say(line)
