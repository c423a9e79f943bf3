"""The `lengthwise` command, put together from `rl.commands`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from traceback import extract_tb
from typing import Annotated, Any

import typer

from rl.commands.check import check
from rl.commands.compare import compare
from rl.commands.data import data
from rl.commands.demo import demo
from rl.commands.doctor import doctor
from rl.commands.evaluate import evaluate
from rl.commands.merge import merge
from rl.commands.methods.advantages import advantages
from rl.commands.methods.audit import audit
from rl.commands.methods.budgets import budgets
from rl.commands.methods.lists import benchmarks, orders, protocols, recipes
from rl.commands.methods.new import new
from rl.commands.methods.rewards import rewards
from rl.commands.methods.score import score
from rl.commands.methods.verify import verify
from rl.commands.release import release
from rl.commands.serve import serve
from rl.commands.shown import grouped, helps
from rl.commands.sweep import sweep
from rl.commands.synth.app import synth
from rl.commands.train import train
from rl.commands.watch import watch
from rl.errors import UserError
from rl.installed import PROJECT, installed, missing
from rl.terminal import plain_warnings, say, user_errors_exit_2

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train reasoning models to think for as long as a problem needs and no longer.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        say(f"lengthwise {installed(PROJECT) or 'from source'}")
        raise typer.Exit


@app.callback()
def lengthwise(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None: ...


PARTS = {
    "Train": (demo, recipes, data, train, sweep, watch, doctor, serve),
    "Finished runs and models": (evaluate, protocols, benchmarks, compare, merge, release, check),
    "Methods, without a model": (new, rewards, budgets, orders, audit, score, advantages, verify),
}
"""The commands as `--help` groups them."""

for part, commands in PARTS.items():
    command: Any
    for command in commands:
        name = command.__name__
        app.command(name, rich_help_panel=part, **helps(command, name))(grouped(command))
app.add_typer(synth, name="synth", rich_help_panel="Data")


# Typer brings a click of its own in some versions: this is the base of its errors in any.
_ClickError: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


def _ended_by(stop: SystemExit) -> str:
    """Whose code ended the command, which nothing but the command itself may do."""
    frames = [frame for frame in extract_tb(stop.__traceback__) if "_sitebuiltins" not in frame.filename]
    where = f"{frames[-1].filename}, line {frames[-1].lineno}," if frames else "something"
    return f"{where} called sys.exit({stop.code!r}) before the command was done; a plug-in is to return, or to raise"


def run_command(arguments: Sequence[str] | None = None) -> None:
    """Run `lengthwise` with these arguments, or the process's own; the entry point of the package."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what is shown may hold what the terminal cannot
    with user_errors_exit_2(), plain_warnings():
        try:
            given = list(arguments if arguments is not None else sys.argv[1:])
            status = app(args=given or ["--help"], prog_name="lengthwise", standalone_mode=False)
        except _ClickError as error:
            context = getattr(error, "ctx", None)
            command = context.command_path if context is not None else "lengthwise"
            raise UserError(f"{' '.join(error.format_message().split())} See {command} --help.") from None
        except (typer.Abort, KeyboardInterrupt):  # the second, before typer listens
            raise SystemExit(130) from None
        except ModuleNotFoundError as error:
            raise missing(error) or error from None
        except SystemExit as stop:
            if type(stop) is not SystemExit:  # a run that a signal ended
                raise
            raise UserError(_ended_by(stop)) from None
        raise SystemExit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    run_command()
