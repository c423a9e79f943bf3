"""`lengthwise new`: what it writes runs as it stands, and it writes over nothing."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from rl.cli import run_command
from rl.commands.methods.new import PAGES, Begun
from rl.run.dry_run import dry_run

KINDS = get_args(Begun)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def begun(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_command(["new", *arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_what_is_begun_passes_its_own_test_and_its_recipe_is_one_that_would_train(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for kind in KINDS:
        assert begun(kind, f"my-first-{kind}") == 0
        looked = dry_run(f"my-first-{kind}.yaml")
        assert f"my_first_{kind}.py:" in looked.recipe
        assert "TFLOP to train" in looked.text
    tests = [f"test_my_first_{kind}.py" for kind in KINDS]
    Path("pytest.ini").write_text("[pytest]\n")
    assert pytest.main(["-q", "-p", "no:cacheprovider", "-c", "pytest.ini", "--rootdir", ".", *tests]) == 0
    assert "9 passed" in capfd.readouterr().out


def test_each_kind_names_a_page_that_is_there() -> None:
    docs = Path(__file__).parents[4] / "docs"
    assert set(PAGES) == set(KINDS)
    for page in PAGES.values():
        assert (docs / f"{page}.md").is_file()


def test_nothing_is_written_over_and_not_a_file_where_one_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    Path("short-first.yaml").write_text("mine")
    assert begun("reward", "short-first") == 2
    assert [path.name for path in Path().iterdir()] == ["short-first.yaml"]
    assert Path("short-first.yaml").read_text() == "mine"
    assert "short-first.yaml is there already: choose another name, or another folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rewrd", "short-first"], "unknown kind of method 'rewrd'; did you mean 'reward'?"),
        (
            ["reward", "Short_First"],
            "a name is words in lower case with hyphens between, as short-first, not 'Short_First'",
        ),
        (["reward", "../up"], "a name is words in lower case"),
        (["reward", "json"], "json.py would stand before Python's or a library's own json"),
        (["reward", "rewards"], "rewards.py would stand before"),
        (["reward", "lambda"], "lambda.py would stand before"),
        (["reward", "short-first", "--out", "nowhere"], "nowhere is no folder; make it first"),
    ],
)
def test_what_cannot_be_begun_is_said_in_one_line_and_nothing_is_written(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert begun(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert list(Path().rglob("*")) == []
