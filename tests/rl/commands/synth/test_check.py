"""`synth verify`, `synth stats` and `synth show` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import refused, run
from synth_rows import Raw, needle_row, plan, render, write_parquet, write_tokenizer

from rl.cli import run_command


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def rows() -> list[Raw]:
    write_tokenizer(Path())
    return [render(plan(seed), "tokenizer.json") for seed in range(60)]


def code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_command(arguments)
    return int(stop.value.code or 0)


def test_right_rows_pass(rows: list[Raw], capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet(Path("rows.parquet"), rows)
    found = run("synth", "verify", "rows.parquet")
    assert found["passed"] is True
    assert found["rows"] == 60
    assert found["first"] == []
    said = capsys.readouterr().out
    assert "60 rows, 0 with faults" in said
    assert "ok  shortcut-bm25" in said


def test_a_broken_promise_is_exit_code_1_and_names_the_row(rows: list[Raw], capsys: pytest.CaptureFixture[str]) -> None:
    rows[7] = {**rows[7], "target": rows[7]["n_tokens"] - 3}
    rows[9] = {**rows[9], "start_key": "00000000"}
    write_parquet(Path("rows.parquet"), rows)
    assert code("synth", "verify", "rows.parquet", "--json", "out.json") == 1
    found = json.loads(Path("out.json").read_text())
    assert found["faults"] == {"over-budget": 1, "start-key": 1}
    assert [(f["row"], f["check"], f["id"]) for f in found["first"]] == [
        (7, "over-budget", rows[7]["id"]), (9, "start-key", rows[9]["id"]),
    ]  # fmt: skip
    said = capsys.readouterr().out
    assert "60 rows, 2 with faults" in said
    assert "row 7: " in said
    assert "3 over the target" in said


def test_limits_can_be_told(rows: list[Raw]) -> None:
    Path("rows.jsonl").write_text(json.dumps({**rows[0], "target": 2 * rows[0]["n_tokens"]}))
    Path("quote.txt").write_text(plan(0).documents[plan(0).gold[0]])
    assert code("synth", "verify", "rows.jsonl") == 1
    assert code("synth", "verify", "rows.jsonl", "--fill", "0.5") == 0
    assert code("synth", "verify", "rows.jsonl", "--fill", "0.5", "--against", "quote.txt") == 1
    assert code("synth", "verify", "rows.jsonl", "--fill", "0.5", "--test", "rows.jsonl") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "no.parquet"], "'no.parquet' does not exist"),
        (["verify", "rows.parquet", "--tokenizer", "no/tokenizer.json"], "no tokenizer at 'no/tokenizer.json'"),
        (["verify", "rows.parquet", "--test", "no.parquet"], "'no.parquet' does not exist"),
        (["verify", "rows.parquet", "--against", "no.txt"], "cannot read no.txt"),
        (["verify", "rows.parquet", "--fill", "2"], "--fill"),
        (["verify", "other.jsonl"], "other.jsonl, line 1: no value in column 'task'"),
        (["verify", "empty.jsonl"], "empty.jsonl holds no rows"),
        (["verify", "tokenizer.json"], "expected a .parquet or .jsonl file"),
        (["stats", "no.parquet"], "'no.parquet' does not exist"),
        (["stats", "empty.jsonl"], "empty.jsonl holds no rows"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    arguments: list[str], words: str, rows: list[Raw], capsys: pytest.CaptureFixture[str]
) -> None:
    write_parquet(Path("rows.parquet"), rows[:2])
    Path("other.jsonl").write_text('{"id": "x"}\n')
    Path("empty.jsonl").write_text("\n")
    assert words in refused(capsys, "synth", *arguments)


def test_a_report_that_cannot_be_written_is_known_before_the_work(
    rows: list[Raw], capsys: pytest.CaptureFixture[str]
) -> None:
    write_parquet(Path("rows.parquet"), rows[:2])
    for command in ("verify", "stats"):
        assert code("synth", command, "rows.parquet", "--json", "no/out.json") == 2
        assert "its folder does not exist" in capsys.readouterr().err


def test_statistics_are_given_by_task_and_drawn(rows: list[Raw], capsys: pytest.CaptureFixture[str]) -> None:
    plain = [render(plan(100 + seed, task="multihop"), "tokenizer.json") for seed in range(3)]
    write_parquet(Path("rows.parquet"), rows)
    Path("rows.jsonl").write_text("".join(json.dumps(raw) + "\n" for raw in [*rows[:5], *plain]))
    found = run("synth", "stats", "rows.jsonl", "--plots", "plots")
    assert set(found) == {"keychain", "multihop"}
    assert found["keychain"]["rows"] == 5
    assert found["keychain"]["chains"] == {"min": 6, "mean": 6, "max": 6}
    assert found["keychain"]["hops"]["max"] == 4
    assert found["keychain"]["answerable"]["mean"] == 3
    assert found["keychain"]["fill"] == {"min": 1, "mean": 1, "max": 1}
    assert "chains" not in found["multihop"]
    assert max(found["keychain"]["commonest_answers"].values()) == 0.2
    assert {path.name for path in Path("plots").iterdir()} == {"fill.png", "gold-depth.png", "link-depth.png"}
    assert "plot: plots/fill.png" in capsys.readouterr().out
    assert run("synth", "stats", "rows.parquet")["keychain"]["rows"] == 60


def test_a_row_is_shown_with_its_chain_documents_and_answer(
    rows: list[Raw], capsys: pytest.CaptureFixture[str]
) -> None:
    write_parquet(Path("rows.parquet"), rows)
    assert code("synth", "show", "rows.parquet", "--row", "3") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert " → ".join(rows[3]["chain"]) in said
    assert rows[3]["id"] in said
    assert f"region of {rows[3]['answer']}" in said
    assert all(f'{{"{key}": ' in said for key in rows[3]["chain"])
    assert " characters" in said
    assert code("synth", "show", "rows.parquet", "--row", "3", "--full") == 0
    assert " characters" not in capsys.readouterr().out
    assert "numbered from 0; there is no row 60" in refused_show(capsys, "rows.parquet", "--row", "60")


def refused_show(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert code("synth", "show", *arguments) == 2
    return capsys.readouterr().err


def test_a_row_of_needles_is_shown_too(rows: list[Raw], capsys: pytest.CaptureFixture[str]) -> None:
    needle = "One of the special magic numbers for red-fox is: 1234567."
    raw = needle_row(1, "tokenizer.json", "niah-single", [needle], "What is the magic number for red-fox?", "1234567")
    Path("rows.jsonl").write_text(json.dumps(raw))
    assert code("synth", "verify", "rows.jsonl") == 0
    assert code("synth", "show", "rows.jsonl") == 0
    assert "1234567" in capsys.readouterr().out
