"""Logs of other tools: the same rollouts out of every form, and one line about each that is damaged."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import excerpts
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import refused, run
from places import ROOT

from rl.cli import run_command
from rl.elsewhere.completed import Told, counter
from rl.elsewhere.known import FORMATS
from rl.elsewhere.logs.row import Row
from rl.elsewhere.rollout_files import each_line, read_rollouts
from rl.errors import UserError
from rl.report.logged import logged_answers

TOKENIZER = str(ROOT / "data_synth/demo_model")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def told(name: str, **more: Any) -> Told:
    golds = Path("golds.jsonl") if name == "openai-batch" else None
    return Told(tokenizer=TOKENIZER, verdict="accuracy_reward" if name == "trl" else None, golds=golds, **more)


@pytest.mark.parametrize("name", excerpts.LOGS)
def test_each_log_gives_the_same_rollouts_by_its_columns_and_by_its_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = excerpts.LOGS[name](Path())
    logged = read_rollouts(path, told=told(name))
    assert [[r.raw_reward for r in group.rollouts] for group in logged.groups] == [[1, 0], [1, 0]]
    texts = [r.text for group in logged.groups for r in group.rollouts]
    assert texts == [text for _, text, _, _ in excerpts.ROLLOUTS]
    lengths = [length for _, _, length, _ in excerpts.ROLLOUTS]
    stops = {r.stop for group in logged.groups for r in group.rollouts}
    if name in excerpts.COUNTED:  # an end of text more, where the log says that there was one
        lengths = [n + (stops == {"eos"}) for n in counter(TOKENIZER)(texts)]
    assert [r.length for group in logged.groups for r in group.rollouts] == lengths
    assert stops in ({"eos"}, {"unknown"})
    said = capsys.readouterr().err
    assert FORMATS[name].says in said
    assert ("lengths counted with" in said) is (name in excerpts.COUNTED)
    assert ("ended is not in it" in said) is (stops == {"unknown"})
    by_name = read_rollouts(path, told=told(name, format=name))
    assert by_name.groups == logged.groups


def test_an_inspect_log_is_the_same_as_json_and_as_a_zip() -> None:
    path = excerpts.inspect_ai(Path())
    assert read_rollouts(path).groups == read_rollouts(Path("sums.json")).groups


def test_a_cap_says_which_rollouts_of_a_log_without_stops_were_cut() -> None:
    logged = read_rollouts(excerpts.lighteval(Path()), told=Told(cap=9))
    # Lengths 5, 9, 4, 12: from nine tokens on they were cut.
    assert [r.stop for g in logged.groups for r in g.rollouts] == ["eos", "length", "eos", "length"]
    assert {r.budget for g in logged.groups for r in g.rollouts} == {9}


def test_truncation_is_refused_where_the_log_does_not_say_how_rollouts_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(excerpts.lighteval(Path()))
    with pytest.raises(SystemExit) as stop:
        run_command(["score", "--reward", "truncation", "--rollouts", path])
    assert stop.value.code == 2
    assert "ended is not in its log; give --cap" in capsys.readouterr().err
    # 5 and 4 tokens within the cap of 9; the others were cut at it.
    assert run("score", "--reward", "truncation", "--rollouts", path, "--cap", "9")["rewards"] == [1, 0, 1, 0]
    # Kimi's looks at no stop: 1 + .4 * .5 for the shorter of two, min(0, -.5) * .4 for the longer and wrong one.
    found = run("score", "--reward", "kimi", "--rollouts", path)["rewards"]
    assert found == pytest.approx([1.2, -0.2, 1.2, -0.2])


def test_advantages_are_of_the_reward_that_a_log_holds() -> None:
    found = run("advantages", "--estimator", "centred", "--rollouts", str(excerpts.prime_rl(Path())))
    assert found["advantages"] == [1, -1, 1, -1]  # weight 2: rewards 2 and 0, minus their mean


def test_a_log_votes_without_a_model() -> None:
    found = run("evaluate", "--votes", str(excerpts.inspect_ai(Path())))
    # Two samples a problem, one right: a tie of two answers, won by a coin; the shorter is right.
    assert (found["accuracy"]["mean"], found["majority"], found["shortest_majority"]) == (0.5, 0.5, 1.0)
    assert found["pass_at"] == {"1": 0.5, "2": 1.0}
    assert found["mean_tokens"]["mean"] == (5 + 9 + 4 + 12) / 4


def test_a_folder_reads_packed_lines_and_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    folder = excerpts.verl(Path())
    whole = read_rollouts(folder, told=told("verl")).groups
    capsys.readouterr()
    for file in folder.glob("*.jsonl"):
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    (folder / "config.json").write_text('{\n "trainer": {"nnodes": 1}\n}')
    (folder / "1.jsonl.zst").write_bytes(b"()")
    assert read_rollouts(folder, told=told("verl")).groups == whole
    assert f"{folder}: left out, as no log that is read: config.json, 1.jsonl.zst\n" in capsys.readouterr().err


def test_a_folder_without_a_log_and_a_damaged_archive_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("none").mkdir()
    Path("none/config.json").write_text("{}")
    Path("torn.jsonl.gz").write_bytes(
        gzip.compress(b'{"problem_id": "p", "length": 1, "correct": true, "stop": "eos"}\n' * 999)[:-9]
    )
    for path, said in (("none", "none holds no log that is known"), ("torn.jsonl.gz", "cannot read torn.jsonl.gz: ")):
        with pytest.raises(UserError, match=said):
            read_rollouts(Path(path))


def test_a_refusal_of_a_folder_names_the_file_and_the_row(capsys: pytest.CaptureFixture[str]) -> None:
    folder = excerpts.areal(Path())
    (file, *_) = sorted(folder.glob("*.jsonl"))
    rows = [json.loads(text) for text in file.read_text().splitlines()]
    excerpts.lines(file, [{**rows[0], "seqlen": 2**60}, *rows[1:]])
    line = refused(capsys, "score", "--reward", "correct", "--rollouts", str(folder))
    assert f"{file}, row 1: 'length' must be a number of tokens" in line


DAMAGE = {
    "verl": ("score", "high", "column 'score' must be a finite number, not 'high'"),
    "prime-rl": ("traces", [{"ok": True}], "column 'traces', entry 1: column 'rewards' is missing"),
    "ms-swift": ("completion", ["one"], "column 'completion' holds 1 values, not 4"),
    "nemo-rl": ("token_ids", [1], "column 'token_ids' holds 1 values, not"),
    "areal": ("seqlen", -1, "column 'seqlen' must be a whole number, not '-1'"),
    "skyrl": ("output_response", None, "column 'output_response' must be a text, not 'None'"),
    "lm-eval": ("resps", [["a", "b"]], "column 'resps' holds 2 responses"),
    "openai-batch": ("response", {"status_code": 200}, "column 'response.body.choices' is missing"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_row_is_one_line_naming_row_and_column(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    column, value, said = DAMAGE[name]
    path = excerpts.LOGS[name](Path())
    file = path / "0.jsonl" if name == "areal" else path / "10.jsonl" if path.is_dir() else path
    rows = [json.loads(text) for text in file.read_text().splitlines()]
    damaged = min(2, len(rows))
    rows[damaged - 1][column] = value
    excerpts.lines(file, rows)
    golds = ["--golds", "golds.jsonl"] if name == "openai-batch" else []
    line = refused(
        capsys, "score", "--reward", "correct", "--rollouts", str(file), "--format", name, "--tokenizer", TOKENIZER, *golds
    )  # fmt: skip
    assert f"{file}, row {damaged}" in line
    assert said in line


@pytest.mark.parametrize(
    ("name", "flags", "said"),
    [
        ("verl", [], "holds no lengths; name the model's tokenizer by --tokenizer"),
        ("verl", ["--tokenizer", "no/such/tokenizer/here"], "no tokenizer 'no/such/tokenizer/here'"),
        ("trl", [], "which of accuracy_reward, format_reward says what is right? name it by --verdict"),
        ("trl", ["--verdict", "accuracy"], "column 'accuracy' is missing; --verdict may name accuracy_reward"),
        ("openai-batch", ["--tokenizer", TOKENIZER], "neither verdicts nor gold answers; give --golds"),
        ("verl", ["--format", "verl2"], "unknown format 'verl2'; did you mean 'verl'?"),
    ],
)
def test_what_a_log_does_not_say_is_asked_for_in_one_line(
    name: str, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = excerpts.LOGS[name](Path())
    assert said in refused(capsys, "score", "--reward", "correct", "--rollouts", str(path), *flags)


def test_a_score_that_is_neither_right_nor_wrong_needs_a_threshold(capsys: pytest.CaptureFixture[str]) -> None:
    excerpts.areal(Path())
    row = json.loads(Path("areal/0.jsonl").read_text().splitlines()[0])
    excerpts.lines(Path("log.jsonl"), [{**row, "reward": 0.75}, {**row, "reward": 0.25}])
    line = refused(capsys, "score", "--reward", "correct", "--rollouts", "log.jsonl")
    assert "log.jsonl, row 1: column 'reward' is 0.75, neither right (1) nor wrong (0, -1)" in line
    assert run("score", "--reward", "correct", "--rollouts", "log.jsonl", "--above", "0.5")["rewards"] == [1, 0]


def test_siblings_that_say_the_same_are_as_many_and_a_buffer_logged_again_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = pq.read_table(excerpts.trl(Path())).to_pylist()[0]
    Path("completions").mkdir()
    for step in ("1", "2"):  # older ones write texts; the second holds what the first had, as `_logs` is not emptied
        steps = [{**row, "step": step}] * 3 + [{**row, "step": step, "length": int(step), "advantage": -float(step)}]
        pq.write_table(pa.Table.from_pylist(steps), f"completions/completions_{step}.parquet")
    group, later = read_rollouts(Path("completions"), told=told("trl")).groups
    assert [[r.length for r in each.rollouts] for each in (group, later)] == [[row["length"]] * 3 + [1], [2]]
    (said,) = capsys.readouterr().err.splitlines()
    assert "completions: 5 rollouts" in said
    assert "3 left out, logged before at an earlier step" in said


def test_requests_that_failed_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    read_rollouts(excerpts.openai_batch(Path()), told=told("openai-batch"))
    assert "4 rollouts" in (said := capsys.readouterr().err)
    assert "1 left out, as they failed" in said


def test_logs_of_two_tasks_with_the_same_ids_are_not_counted_as_one() -> None:
    excerpts.inspect_ai(Path())
    log = json.loads(Path("sums.json").read_text())
    log["samples"] = [{**sample, "target": "another"} for sample in log["samples"]]
    Path("other.json").write_text(json.dumps(log))
    with pytest.raises(UserError, match=r"other\.json, sample 1: problem 'p0' has another gold answer than before"):
        logged_answers([Path("sums.json"), Path("other.json")], Told())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"round": [1]}, "rollouts.jsonl, line 1: 'round' must be a text or a number, not '[1]'"),
        ({"problem_id": {"a": 1}}, "rollouts.jsonl, line 1: 'problem_id' must be a text or a number"),
        ({"length": 2**60}, "rollouts.jsonl, line 1: 'length' must be a number of tokens"),
    ],
)
def test_a_line_of_ones_own_with_a_value_that_cannot_be_is_named(
    changed: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"problem_id": "a", "length": 5, "correct": True, "stop": "eos"}
    excerpts.lines(Path("rollouts.jsonl"), [{**line, **changed}])
    assert said in refused(capsys, "score", "--reward", "correct", "--rollouts", "rollouts.jsonl")
    Path("rollouts.jsonl").write_text("\ufeff" + json.dumps(line))  # an editor's mark
    assert run("score", "--reward", "correct", "--rollouts", "rollouts.jsonl", "--above", "2")["rewards"] == [1]
    assert "lines say themselves what is `correct`: --above changes nothing" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "said"), [(float("nan"), "finite number"), (10**400, "finite number")])
def test_a_score_that_is_no_number_is_neither_right_nor_wrong(
    value: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = [excerpts.skyrl(Path())]
    row = json.loads(file.read_text().splitlines()[0])
    excerpts.lines(file, [{**row, "score": [value] if value != value else value}])
    flags = ["--rollouts", str(file), "--above", "0.5", "--tokenizer", TOKENIZER]
    assert "row 1: column 'score' must be a " + said in refused(capsys, "score", "--reward", "correct", *flags)
    assert "--above must be a finite score" in refused(capsys, "score", "--reward", "correct", *flags, "--above", "nan")


def test_a_log_is_read_a_chunk_at_a_time() -> None:
    file = excerpts.verl(Path()) / "10.jsonl"
    whole = file.read_text()
    file.write_text(whole * 1000 + "{")
    taken = list(islice(each_line(file, told("verl")), 1500))  # the damaged end is not reached
    assert [place for place, _, _ in taken] == list(range(1, 1501))


def test_a_pickle_that_would_run_code_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (Path("ran"),)

    torch.save({"rollout_id": 0, "samples": [Evil()]}, "0.pt")
    assert "without running its code" in refused(capsys, "score", "--reward", "correct", "--rollouts", "0.pt")
    assert not Path("ran").exists()


PAGE = (ROOT / "docs/logs.md").read_text()


def _commands() -> Iterator[str]:
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("line", list(_commands()))
def test_every_line_of_the_page_about_logs_runs_on_an_excerpt(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    for make in excerpts.LOGS.values():
        make(Path())
    Path("model").symlink_to(TOKENIZER)
    run(*line.removeprefix("lengthwise ").split())


def test_the_page_about_logs_names_every_format() -> None:
    assert [name for name in FORMATS if f"`{name}`" not in PAGE] == []


def test_a_column_within_others_is_found_by_its_path() -> None:
    row = Row({"body": {"choices": [{"n": 1}], "x": 2}}, "f, row 1")
    assert (row.get("body.x"), row.rows("body.choices")[0].whole("n")) == (2, 1)
    assert not row.has("body.y.z")
