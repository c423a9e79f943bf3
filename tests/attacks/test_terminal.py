"""Texts that would steer the terminal, or be taken for rich's marks: from names, alarms, servers and answers."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import warnings
from pathlib import Path

import pytest
from places import ROOT
from run_folders import make_run

from attacks.played import play, recipe_file
from rl.secrecy import clean
from rl.terminal import (
    TrainingProgress,
    answers_progress,
    console,
    figures,
    flowing,
    folded,
    plain_warnings,
    printable,
    say,
)

TITLE = "\x1b]0;owned\x07"
EVIL = f"\x1b[2J{TITLE}\u202egnp.exe\r\x9b31m"
STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_what_steers_a_terminal_is_written_out_and_lines_and_letters_stay(capfd: pytest.CaptureFixture[str]) -> None:
    assert printable(f"a\tb\n{EVIL}ü漢\u00a0") == "a\tb\n\\x1b[2J\\x1b]0;owned\\x07\\u202egnp.exe\\r\\x9b31mü漢\u00a0"
    say(EVIL)
    say(EVIL, error=True)
    with plain_warnings(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(EVIL, stacklevel=1)
    printed = capfd.readouterr()
    assert not STEERS.search(printed.out + printed.err)


def test_at_80_columns_a_bar_has_its_figures_and_whole_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    progress = TrainingProgress()
    logs = {"reward": -0.25, "accuracy": 1.0, "length/mean": 16384.0}
    progress.add("one-gpu-80gb-dial", 3600, 1800, figures(logs))
    with progress.bars.console.capture() as shown:
        progress.bars.console.print(progress.bars.get_renderable())
    assert shown.get().splitlines() == [
        "one-gpu-80gb-d 1800/3600 reward -0.25 accuracy 100% tokens 16384 0:00:00 -:--:--"
    ]


def test_a_long_line_goes_on_below_its_text_on_a_terminal_and_stays_whole_in_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "rates      " + "4,221 tokens/s sampled by vllm, " * 4
    assert folded(line, 11) == line
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    first, *others = folded(line, 11).splitlines()
    assert others
    assert all(len(each) <= 80 for each in (first, *others))
    assert all(each.startswith(" " * 11) and each[11] != " " for each in others)
    assert " ".join(" ".join([first, *others]).split()) == " ".join(line.split())


def test_a_docstring_is_broken_for_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "One two\nthree.\n\n- four five\n  six;\n- seven.\n\n    code  here\n    stays"
    assert flowing(text) == text
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "14")
    assert flowing(text) == "One two three.\n\n- four five\n  six;\n- seven.\n\n    code  here\n    stays"


def test_in_a_file_a_run_is_a_line_a_tenth_of_it_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TrainingProgress()
    task, said = progress.add("dler", 40), []
    for step in range(41):
        progress.update(task, step, f"at {step}")
        said.append(capsys.readouterr().out)
    assert [step for step, line in enumerate(said) if line] == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40]
    assert said[0] == "dler 0/40 starting\n"
    assert said[40] == "dler 40/40 at 40\n"


def test_answers_are_counted_with_their_tokens_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdout", shown)
    with answers_progress("before training", 1024, hidden=False) as told:
        told(256, 20_000)
        told(256, 5_000)
    assert re.search(r"512/1024 answers +25,000 tokens", re.sub(r"\x1b\[[\d;?]*\w", "", shown.getvalue()))


def test_a_warning_of_ours_is_a_line_without_a_file() -> None:
    with plain_warnings():
        own = warnings.formatwarning("mind the gap", UserWarning, str(ROOT / "rewards/verifier/judge.py"), 7)
        other = warnings.formatwarning("of others", UserWarning, "/lib/other.py", 7)
    assert (own, other) == ("warning: mind the gap\n", "/lib/other.py:7: UserWarning: of others\n")


def test_a_table_shows_texts_as_they_are() -> None:
    from rich.table import Table
    from rich.text import Text

    terminal = console(width=100)
    terminal.file = io.StringIO()
    table = Table("exp[a]", title="[bold]t[/]", caption="[/]")
    table.add_row("exp[a]")
    table.add_row("[/]")
    table.add_row(EVIL)
    table.add_row(Text(EVIL))
    table.add_row(":smile: [link=http://x]y[/link]")
    terminal.print(table)
    shown = terminal.file.getvalue()
    assert shown.count("exp[a]") == 2
    assert "[bold]t[/]" in shown
    assert ":smile: [link=http://x]y[/link]" in shown
    assert not STEERS.search(shown)


def test_a_run_with_hostile_names_alarms_and_figures_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    make_run(Path("run"), text=f"{EVIL} \\boxed{{2}}", name="exp[a] [b]")
    Path("run/alarms.jsonl").write_text(json.dumps({"step": 2, "alarm": f"{EVIL} [/red]"}) + "\n")
    watched = play(capfd, "watch", "run", "--once")
    assert watched.code == 0, watched
    assert "exp[a] [b]" in watched.out
    compared = play(capfd, "compare", "run", "--out", "page")
    assert compared.code == 0, compared
    assert not STEERS.search(watched.said + compared.said)


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\x9bb"])
def test_a_recipes_name_holds_no_control_characters(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "cannot be a folder's name" in play(capfd, "train", recipe_file(tmp_path, name=name), "--dry-run").refusal


def test_an_error_of_a_plug_in_is_printable(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(f"raise ValueError({EVIL!r})\n")
    said = play(capfd, "train", recipe_file(tmp_path, rewards=[f"{tmp_path}/mine.py:R"]), "--dry-run").refusal
    assert not STEERS.search(said)


def test_nothing_prints_but_by_the_one_place() -> None:
    found = set()
    for path in sorted((ROOT / "rl").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                "Console",
                "_Console",
                "typer.echo",
                "sys.stdout.write",
            ):
                found.add(path.relative_to(ROOT / "rl").as_posix())
    # What a release ships runs where none of this is installed.
    assert found == {"terminal.py", "release/dial/thinking_budget.py"}


@pytest.mark.parametrize("unit", ["a", "_-.", "a:", "http://", "://a@", "eyJ."])
def test_a_name_of_very_many_letters_is_cleaned_in_one_pass(unit: str) -> None:
    """What looks for secrets would take hours if it began anew at each letter."""
    word = unit * (200_000 // len(unit))
    assert len(clean(word)) > 0
    assert clean(f"{word} password=hunter22") == f"{clean(word)} password=[removed]"


def test_a_table_is_as_wide_as_the_environment_says_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "COLUMNS": "77"})
    assert console().width == 77
