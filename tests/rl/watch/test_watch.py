"""The dashboard of a run."""

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import run_folders
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT
from processes import PATIENCE
from rich.console import Console

from rl.cli import run_command
from rl.errors import UserError
from rl.folders import checkpoints
from rl.folders.lock import locked
from rl.folders.run import RunFolder
from rl.watch import Reader, State, frame
from rl.watch.spark import BARS, sparkline
from rl.watch.view import describe, duration


def shown(state: State, width: int = 100, height: int | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(frame(state, width, height))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Made up: 8 steps of 16, 4 rounds, two seconds a step."""
    path = run_folders.make_run(tmp_path / "run", trainer={"max_steps": 16})
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    timed = [{**line, "time": time.time() - 2 * (8 - i), "num_tokens": 1000.0 * i} for i, line in enumerate(lines, 1)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in timed) + '{"step": 9, "lo')
    return RunFolder(path)


def test_a_running_run_shows_how_far_it_is_and_what_it_asked_for_and_got(run: RunFolder) -> None:
    run.write_alarm(0, "most rollouts are cut")
    (run.checkpoints / "checkpoint-6").mkdir(parents=True)
    checkpoints.write(run.checkpoints / "checkpoint-6", {})
    with locked(run.path):
        state = Reader(run.path).read()
    assert (state.status, state.step, state.steps, state.checkpoint) == ("training", 8, 16, 6)
    assert state.seconds_per_step == pytest.approx(2.0, rel=1e-3)
    assert state.seconds_left == pytest.approx(16.0, rel=1e-3)
    assert state.tokens_per_second == pytest.approx(500.0, rel=1e-3)
    last = state.rounds[-1]
    assert (last.mean, last.median, last.high, last.budget) == (43.5, 43.5, 47, 80)
    assert set(last.rewards) == {"truncation", "format"}
    text = "\n".join(shown(state, 160))
    assert re.search(r"made-up .* trains \(process \d+ on \S+\)", text)
    assert "step 8 of 16 · 16 s left · 2.00 s a step · 500 tokens/s · checkpoint 6" in text
    for row in (r"budget +80 tokens ████", r"95th percentile +47 tokens", r"truncated +10.0%", r"  format +0.500"):
        assert re.search(row, text), row
    assert "! most rollouts are cut" in text


def test_a_run_that_nobody_trains_is_said_to_be_and_a_silent_one_too(run: RunFolder) -> None:
    state = Reader(run.path).read()
    assert state.status == "stopped"
    assert describe(state) == "nobody trains it; the same command goes on"
    silent = replace(state, status="training", holder="process 7 on here", silent=600.0)
    assert describe(silent) == "trains (process 7 on here), silent for 10 min 0 s"
    assert describe(replace(silent, evaluating=True)) == "is evaluated (process 7 on here)"
    assert describe(replace(silent, silent=1.0, metrics=[])) == "begins (process 7 on here)"


def test_a_finished_run_shows_its_summary(evaluated_run: Path) -> None:
    state = Reader(evaluated_run).read()
    assert (state.status, state.step, state.steps) == ("finished", 4, 4)
    text = "\n".join(shown(state))
    after = json.loads((evaluated_run / "report" / "summary.json").read_text())["after"]
    assert "finished" in text
    assert f"{after['accuracy']:.1%} right in" in text
    assert f"{after['mean_tokens']:.1f} tokens" in text


def test_stages_are_one_run(tmp_path: Path) -> None:
    path = run_folders.make_run(tmp_path / "run", stages=3, trainer={"max_steps": 8})
    for place in (1, 2):
        (path / f"stages/{place}-s{place - 1}" / "recipe.yaml").touch()
    state = Reader(path).read()
    assert (state.stage, state.step, state.steps) == ("2 of 3, s1", 24, 24)
    assert len(state.rounds) == 12


def test_steps_of_a_run_that_counts_epochs_are_estimated(tmp_path: Path) -> None:
    path = run_folders.make_run(tmp_path / "run", trainer={"num_train_epochs": 2})
    assert Reader(path).read().steps is None
    RunFolder(path).log({"step": 9, "epoch": 0.5})
    assert Reader(path).read().steps == 36


def test_a_run_that_has_just_begun_can_be_shown(tmp_path: Path) -> None:
    path = run_folders.make_run(tmp_path / "run", rollouts=False)
    (path / "metrics.jsonl").unlink()
    state = Reader(path).read()
    assert "nothing is logged yet" in "\n".join(shown(state))
    assert "no checkpoint" in "\n".join(shown(state))


@pytest.mark.parametrize(("width", "height"), [(40, 12), (60, 15), (100, 24), (200, 60)])
def test_a_frame_fits_its_terminal(run: RunFolder, width: int, height: int) -> None:
    lines = shown(Reader(run.path).read(), width, height)
    assert len(lines) <= height
    assert {len(line) for line in lines} == {width}


def test_what_is_no_run_is_refused_in_one_line(
    tmp_path: Path, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"is no run: it has no recipe.yaml; name one of those in it: run"):
        Reader(tmp_path).read()
    with pytest.raises(SystemExit) as stop:
        run_command(["watch", str(tmp_path / "nowhere"), "--once"])
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_set_back_forgets_the_alarms_that_it_will_give_again(run: RunFolder) -> None:
    for step in (0, 4, 8):
        run.write_alarm(step, f"alarm {step}")
    run.rewind(4, 2)
    assert run.alarms_said() == ["alarm 0"]
    run.alarms.write_text('{"step": 3}\n')
    with pytest.raises(UserError, match=r"alarms.jsonl: a line has no alarm; restore the file"):
        Reader(run.path).read()


def test_on_a_terminal_it_goes_on_until_q(run: RunFolder) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "rl.cli", "watch", str(run.path), "--every", "0.1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", "LINES": "30"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen, end = b"", time.monotonic() + PATIENCE
    while seen.count(b"95th percentile") < 3:  # drawn again and again
        assert select.select([ours], [], [], end - time.monotonic())[0]
        seen += os.read(ours, 4096)
    os.write(ours, b"q")
    with suppress(OSError):  # the terminal's other end is gone
        while select.select([ours], [], [], 1.0)[0]:
            os.read(ours, 4096)
    assert process.wait(10) == 0
    os.close(ours)


def test_a_sparkline_rises_with_its_values() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == BARS
    assert sparkline([0, 0, 1, 1], 2) == "▁█"
    assert sparkline([5, 5], 4) == "▅▅"
    assert sparkline([0, None, float("nan"), 10], 4) == "▁  █"
    assert sparkline([5], 4, low=0, high=10) == "▅"
    assert sparkline([1.7e308, -1.7e308, 1.7e308, 1.7e308], 2) == "▁█"
    assert sparkline([1.7e308], 4, low=0, high=0.1) == "█"
    assert sparkline([], 4) == sparkline([None], 4) == ""


@given(st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=60), st.integers(1, 20))
def test_a_sparkline_takes_no_more_room_than_it_has(values: list[float | None], width: int) -> None:
    assert len(sparkline(values, width)) <= min(width, len(values))


def test_durations_are_said_in_two_units() -> None:
    assert [duration(s) for s in (5, 65, 3600 * 3 + 61, 86400 * 2 + 3600)] == [
        "5 s",
        "1 min 5 s",
        "3 h 1 min",
        "2 d 1 h",
    ]
