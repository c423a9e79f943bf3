"""`lengthwise train`: a recipe trained, resumed or shown; with --dry-run, only checked and estimated."""

from __future__ import annotations

import json
import os
import signal
from typing import Annotated

import typer

from rl.commands.options import AllowedHosts, Json, KeyVariable, Overrides, Overwrite, Quiet, RunOut
from rl.commands.output import progress, require_place, write_summary
from rl.errors import UserError
from rl.secrecy import Granted
from rl.terminal import folded, say


def train(
    recipe: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped recipe.")],
    overrides: Overrides = None,
    out: RunOut = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Resolve and check everything, estimate, print it, write nothing.")
    ] = False,
    launch: Annotated[
        str | None,
        typer.Option(help="With --dry-run: an accelerate configuration to estimate for, or a number of ranks."),
    ] = None,
    rates: Annotated[
        str | None, typer.Option(help="With --dry-run: a YAML file, or '{gpu_memory: 80, tflops: 180, …}' itself.")
    ] = None,
    show_recipe: Annotated[
        bool, typer.Option("--show-recipe", help="With --dry-run: the resolved recipe as well, its defaults marked.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="With --dry-run: measure rates here, in half a minute.")
    ] = False,
    accept_data: Annotated[
        bool, typer.Option("--accept-data", help="Go on though data, plug-ins or weights are others than before.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Try a run that the memory estimate says cannot fit on these devices.")
    ] = False,
    api_key_env: KeyVariable = None,
    allow_host: AllowedHosts = None,
    quiet: Quiet = False,
    json_file: Json = None,
) -> None:
    """Train a recipe. The same command resumes an unfinished run and shows a finished one.

    SIGUSR1 saves a checkpoint at the end of the round; SIGTERM and Ctrl-C save one and end, with exit code 143 or 130.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until the run hears it: what is imported here takes seconds
    with progress(f"reading {recipe}, loading libraries", None, hidden=quiet or os.environ.get("RANK", "0") != "0"):
        from rl.recipe.named import read_recipe

        read_recipe(recipe, overrides or [])
        require_place(json_file)
        from rl.estimates import read_rates
        from rl.launch.configuration import read_launch
        from rl.ranks import is_main_process
        from rl.report import print_run
        from rl.run import train as training
        from rl.run.dry_run import dry_run as look_at

    granted = Granted(api_key_env, allow_host or ())
    if dry_run:
        planned = read_launch(launch) if launch else None
        looked = look_at(recipe, overrides or [], out, planned, read_rates(rates), calibrate, granted)
        text = folded(looked.text, indent=11)
        say(f"{text}\n\n{looked.recipe}" if show_recipe else text)
        write_summary(json_file, looked.to_dict())
        return
    if launch or rates or calibrate or show_recipe:
        raise UserError("--launch, --rates, --calibrate and --show-recipe are of a dry run: add --dry-run")
    run = training.train(recipe, overrides or [], out, overwrite, quiet, accept_data, granted, anyway)
    if is_main_process():
        print_run(run)
        write_summary(json_file, json.loads(run.summary.read_text()))
