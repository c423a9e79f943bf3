"""`lengthwise sweep`: a recipe's runs over several values of its keys, and a page over all of them."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rl.commands.output import progress
from rl.errors import OutOfReach, UserError

if TYPE_CHECKING:
    from rl.sweep.grid import Point


def sweep(
    recipe: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped recipe.")],
    values: Annotated[
        list[str], typer.Argument(metavar="KEY=A,B...", help="Values of its keys: budget.tokens=2000,4000 seed=0,1.")
    ],
    out: Annotated[Path | None, typer.Option(help="The sweep's folder; sweeps/<name> by default.")] = None,
    slurm: Annotated[
        Path | None,
        typer.Option(metavar="SCRIPT", help="Submit a job for each run: experiments/cluster/one_gpu.slurm, say."),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Train nothing: the page over what is finished.")] = False,
) -> None:
    """Train every combination of the values, one after the other, and compare. The same command goes on."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # for its runs, which are processes of their own
    from rl.recipe.named import read_recipe
    from rl.sweep.grid import points
    from rl.sweep.sweep import finish, require_place, unfinished

    name = read_recipe(recipe, []).name
    out = out or Path("sweeps") / name
    all_points = points(recipe, values, out)
    require_place(out)
    todo = [] if report else unfinished(all_points)
    if slurm is not None:
        from rl.sweep.slurm import require_slurm

        require_slurm(slurm)
    _require_runnable(todo, elsewhere=slurm is not None)
    if todo:
        _train(todo, out, slurm, [recipe, *values, "--out", str(out), "--report"])
    if slurm is None or not todo:
        finish(out, all_points)


def _require_runnable(todo: list[Point], elsewhere: bool) -> None:
    """Each as `train` would look at it; `elsewhere`, as far as this machine can. Errors: UserError naming the run."""
    from rl.models import quieten_libraries
    from rl.recipe.engine_choice import Machine
    from rl.run.engines import require_engine
    from rl.run.plan import planned
    from rl.run.prepare import prepare
    from rl.secrecy import Granted

    quieten_libraries()
    with progress("checking", len(todo), hidden=False) as advance:
        for point in todo:
            try:
                if elsewhere:
                    require_engine(prepare(point.recipe, point.run.path, machine=Machine(cuda=True, vllm=True)))
                else:
                    planned(point.recipe, point.run, False, Granted(), False).close()
            except OutOfReach as error:
                if not elsewhere:
                    raise UserError(f"{point.name}: {error}") from error
            except UserError as error:
                raise UserError(f"{point.name}: {error}") from error
            advance(1)


def _train(todo: list[Point], out: Path, slurm: Path | None, again: list[str]) -> None:
    from rl.folders.lock import locked
    from rl.folders.written import Mark
    from rl.sweep.slurm import submit
    from rl.sweep.sweep import train_here

    with locked(out):
        Mark(out).write("sweep")
        if slurm is None:
            train_here(todo)
        else:
            submit(todo, out, slurm, again)
