"""The `lengthwise` command."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.compare import compare
from rl.commands.doctor import doctor
from rl.commands.evaluate import evaluate
from rl.commands.merge import merge
from rl.commands.methods import Json, advantages, budgets, rewards, score
from rl.commands.release import release
from rl.commands.serve import serve
from rl.commands.synth import building, checking
from rl.commands.verify import verify
from rl.commands.watch import watch
from rl.errors import UserError, user_errors_exit_2
from rl.installed import installed

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train reasoning models to think for as long as a problem needs and no longer.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"lengthwise {installed('lengthwise') or 'from source'}")
        raise typer.Exit


@app.callback()
def lengthwise(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None: ...


Overrides = Annotated[list[str] | None, typer.Argument(help="Overrides of the recipe, as part.key=value.")]


@app.command(rich_help_panel="Train")
def demo(
    out: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("runs/demo"),
    method: Annotated[str, typer.Option(help="The recipe to show beside plain GRPO.")] = "demo-dler",
    seed: Annotated[int, typer.Option(help="Seed of sampling and problem order.")] = 0,
    overrides: Overrides = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again, deleting what is there.")] = False,
    json_file: Json = None,
) -> None:
    """Train a small reasoning model to think shorter, beside plain GRPO, and show it. Minutes on two cores."""
    from rl.demo.demo import demo as run_demo
    from rl.demo.demo import shortened

    summary = run_demo(out, method, seed, overrides or [], overwrite)
    _write_json(json_file, summary)
    if not shortened(summary):
        raise typer.Exit(1)


@app.command(rich_help_panel="Train")
def train(
    recipe: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped recipe.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/<name> by default.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again, deleting what is there.")] = False,
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
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="With --dry-run: measure rates here, in half a minute.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    json_file: Json = None,
) -> None:
    """Train a recipe. The same command resumes an unfinished run and shows a finished one.

    SIGUSR1 saves a checkpoint at the end of the round; SIGTERM and Ctrl-C save one and end, with exit code 143 or 130.
    """
    from rl.estimates import read_rates
    from rl.launch.configuration import read_launch
    from rl.report import print_run
    from rl.run import train as training
    from rl.run.dry_run import dry_run as look_at

    if dry_run:
        looked = look_at(
            recipe, overrides or [], out, read_launch(launch) if launch else None, read_rates(rates), calibrate
        )
        print(looked.text)
        _write_json(json_file, looked.to_dict())
        return
    if launch or rates or calibrate:
        raise UserError("--launch, --rates and --calibrate are for an estimate: add --dry-run")
    run = training.train(recipe, overrides or [], out, overwrite, quiet)
    if training.is_main_process():
        print_run(run)
        _write_json(json_file, json.loads(run.summary.read_text()))


PARTS = {
    "Train": (watch, doctor, serve),
    "Finished runs and models": (
        evaluate,
        compare,
        merge,
        release,
    ),
    "Methods, without a model": (
        rewards,
        budgets,
        score,
        advantages,
        verify,
    ),
}
"""The other commands, as `--help` groups them."""

for part, commands in PARTS.items():
    for command in commands:
        app.command(rich_help_panel=part)(command)
checking.add_commands(building.synth)
app.add_typer(building.synth, name="synth", rich_help_panel="Data")


def _write_json(path: Path | None, values: object) -> None:
    if path:
        path.write_text(json.dumps(values, indent=2))


# Typer brings a click of its own in some versions: this is the base of its errors in any.
_ClickError: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


def run_command(arguments: Sequence[str] | None = None) -> None:
    """Run `lengthwise` with these arguments, or the process's own; the entry point of the package."""
    with user_errors_exit_2():
        try:
            given = list(arguments if arguments is not None else sys.argv[1:])
            status = app(args=given or ["--help"], prog_name="lengthwise", standalone_mode=False)
        except _ClickError as error:
            raise UserError(f"{' '.join(error.format_message().split())} See lengthwise --help.") from None
        except typer.Abort:
            raise SystemExit(130) from None
        raise SystemExit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    run_command()
