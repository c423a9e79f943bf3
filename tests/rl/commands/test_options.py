"""Options that several commands have are the same in each; groups of options become options in their place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import typer

from rl.cli import app, run_command
from rl.commands.options import spread

BUILD = ("keychain", "multihop", "niah", "variable-tracking")
COMMON = {
    "tokens", "n", "out", "source", "filler", "seed", "tokenizer", "prompt_style", "split", "workers", "resume",
    "shard_rows", "json_file", "quiet",
}  # fmt: skip


def commands(group: Any = None, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every command with its parameters by name."""
    for key, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name}{key} ")
        else:
            yield f"{name}{key}", {parameter.name: parameter for parameter in command.params}


def said(parameter: Any) -> tuple[Any, ...]:
    return parameter.help, parameter.default, tuple(parameter.opts), parameter.required


def test_the_commands_that_build_rows_have_the_same_common_options() -> None:
    every = dict(commands())
    tasks = [every[f"synth {task}"] for task in BUILD]
    assert set.intersection(*map(set, tasks)) - {"help"} == COMMON
    for name in COMMON:
        assert len({said(task[name]) for task in tasks}) == 1, name
    assert [name for name in tasks[0] if name in COMMON] == [name for name in tasks[1] if name in COMMON]


@pytest.mark.parametrize("name", ["--json", "--quiet", "--set", "--overwrite"])
def test_an_option_of_several_commands_is_the_same_in_each(name: str) -> None:
    found = [said(option) for _, options in commands() for option in options.values() if name in option.opts]
    assert len(found) > 1
    assert len(set(found)) == 1


def test_the_commands_are_known_without_what_is_slow_to_import() -> None:
    code = "import sys, rl.cli; print([m for m in ('torch', 'transformers', 'trl', 'matplotlib') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@dataclass(frozen=True)
class Inner:
    depth: Annotated[int, typer.Option(help="How deep.")] = 3


@dataclass(frozen=True)
class Outer:
    width: Annotated[int, typer.Option(help="How wide.")]
    inner: Inner
    on: Annotated[bool, typer.Option("--on")] = False


def test_a_group_of_options_stands_where_the_command_takes_it() -> None:
    took = []

    @spread
    def command(*, first: Annotated[str, typer.Option()] = "a", outer: Outer, last: int = 0) -> None:
        """What it does."""
        took.append((first, outer, last))

    small = typer.Typer()
    small.command()(command)
    assert [p.name for p in typer.main.get_command(small).params][:5] == ["first", "width", "depth", "on", "last"]
    assert command.__doc__ == "What it does."
    small(["--width", "7", "--last", "2"], standalone_mode=False)
    assert took == [("a", Outer(7, Inner(3), False), 2)]


@pytest.mark.parametrize("command", [["train", "demo-grpo"], ["demo"]])
def test_a_place_where_numbers_cannot_be_written_is_said_before_a_training(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run_command([*command, "--json", "absent/numbers.json"])
    assert stop.value.code == 2
    assert "cannot write absent/numbers.json: its folder does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
