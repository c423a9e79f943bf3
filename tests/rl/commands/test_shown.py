"""Finding one's way: what `--help` and the lists show, of every command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from commands import line, run, write

from rl.cli import app, run_command
from rl.commands.options import said_of
from rl.commands.shown.examples import EXAMPLES
from rl.commands.shown.groups import GROUPS
from rl.errors import UserError
from rl.evaluation.presets import PRESETS
from rl.problems.benchmarks import BENCHMARKS
from rl.recipe.files import shipped_recipes

FEW = 7
"""Options that need no groups."""


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the whole of its name."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
    for word, each in (below or {}).items():
        yield from commands(each, f"{name} {word}".strip())


COMMANDS = dict(commands(typer.main.get_command(app)))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        run_command(arguments)
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_every_command_opens_with_an_example_that_can_be_given_and_nothing_else_has_one() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    for name, example in EXAMPLES.items():
        assert COMMANDS[name].help.startswith(f"Example: {example}\n\n")
        words = shlex.split(example)
        assert " ".join(words[1:]).startswith(name)
        given = words[1 + len(name.split()) :]
        COMMANDS[name].make_context(name, given)  # a wrong option or value raises
        assert len(f" Example: {example} ") <= 80


def test_options_are_in_groups_in_every_command_that_has_more_than_a_few() -> None:
    used = set()
    for name, command in COMMANDS.items():
        options = [each for each in command.params if each.param_type_name == "option"]
        titles = [getattr(each, "rich_help_panel", None) for each in options]
        used |= {title for title in titles if title}
        if len(options) > FEW:
            assert len(set(titles)) > 1, name
            assert max(map(titles.count, titles)) <= 17, name
    assert used == {title for title, _, _ in GROUPS}
    for title, needed, names in GROUPS:
        taken = [{p.name for p in command.params} for command in COMMANDS.values()]
        for each in names.split():
            assert any(each in own and (not needed or needed in own) for own in taken), (title, each)


def test_help_shows_example_and_groups_and_the_list_of_commands_neither(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = printed(capsys, "evaluate", "--help")
    assert text.index("Example: lengthwise evaluate --model demo") < text.index("Answer held-out problems")
    for title in ("How problems are put", "What is forced", "Of another tool's log", "What is written and shown"):
        assert f"─ {title} ─" in text
    everything = printed(capsys, "--help")
    assert "Example" not in everything
    assert re.search(r"│ orders +List the problem orders", everything)


def test_what_there_is_to_name_is_listed_with_a_line_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    told = run("recipes")
    assert set(told) == set(shipped_recipes())
    assert told["kimi"].startswith("The length reward of Kimi k1.5, arXiv 2501.12599")
    assert run("protocols")["siri"] == "64 samples at temperature 0.6, 16,384 tokens; verifier math"
    assert set(run("protocols")) == set(PRESETS)
    assert set(run("benchmarks")) == {*BENCHMARKS, "demo", "keychain-demo"}
    assert {each["name"] for each in run("orders")} == {
        "uniform", "as-given", "easy-to-hard", "pass-rate-window", "easy-anchors",
    }  # fmt: skip
    assert all(told.values())
    capsys.readouterr()
    for kind in ("rewards", "budgets", "orders", "advantages"):
        rows = printed(capsys, kind).splitlines()[1:]
        named = [row for row in rows if row[:1].strip()]
        assert all(len(row.split()) > 2 for row in named), [row for row in named if len(row.split()) <= 2]
        assert max(map(len, rows)) <= 80
    assert printed(capsys, "recipes", "demo-qlpo") == f"{shipped_recipes()['demo-qlpo'].read_text()}\n"
    with pytest.raises(SystemExit):
        run_command(["recipes", "demo-qlp"])
    assert "unknown recipe 'demo-qlp'; did you mean 'demo-qlpo'?" in capsys.readouterr().err


def test_scores_are_shown_with_whose_they_are_and_not_more_of_them_than_can_be_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    file = write(
        line(10, True, problem_id="b"), line(40, None), *[line(30, False)] * 40, line(20, True, problem_id="b")
    )
    text = printed(capsys, "score", "--reward", "correct", "--rollouts", file)
    assert [row.split() for row in text.splitlines()[:3]] == [
        ["problem", "tokens", "verdict", "reward", "correct"],
        ["b", "10", "correct", "1", "1"],
        ["p", "40", "crashed", "-", "-"],
    ]
    assert text.splitlines()[-1] == "and 3 more; --json FILE takes all of them, and the history"


def test_a_mistake_names_the_option_that_was_given_and_not_a_recipe_that_there_is_none_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for given, named in (
        (["evaluate", "--model", "demo", "--data", "nowhere.jsonl"], "nowhere.jsonl' does not exist; check --data\n"),
        (["data", "nowhere.jsonl"], "nowhere.jsonl' does not exist; check the path\n"),
    ):
        with pytest.raises(SystemExit) as stop:
            run_command(given)
        assert stop.value.code == 2
        assert capsys.readouterr().err.endswith(named)
    with pytest.raises(UserError, match=r"map it by --column \(there are"), said_of("--data"):
        raise UserError("no value in column 'x'; map it under `columns` (there are: y)")
