"""Runs under which the disk fills, or files go."""

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rl.cli import run_command
from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.recipe.files import load_recipe
from rl.run.writing import Writer
from rl.terminal import user_errors_exit_2

SMALL = [
    "trainer.max_steps=4", "trainer.save_steps=2", "trainer.logging_steps=1", "trainer.per_device_train_batch_size=8",
    "trainer.num_generations=4", "data.train.options.n=24", "data.eval=null", "budget.tokens=40", "verifier.workers=1",
]  # fmt: skip


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_a_checkpoint_over_the_limit_of_file_sizes_ends_in_one_line_and_leaves_no_half(
    make_trainer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = make_trainer(max_steps=2, save_strategy="steps", save_steps=2)
    with pytest.raises(SystemExit) as stop, files_of_at_most(100_000), user_errors_exit_2():
        trainer.train()
    assert stop.value.code == 2
    line = told(capsys)
    assert "File too large" in line or "failed writing file" in line
    assert "the same command again" in line
    assert not list((tmp_path / "checkpoints").glob("**/checkpoint-*"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_write_that_the_system_refuses_is_one_line_wherever_it_is(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    library = RuntimeError("a library's\nown words")
    library.__cause__ = OSError(number, os.strerror(number), "runs/x/metrics.jsonl")
    with pytest.raises(SystemExit) as stop, user_errors_exit_2():
        raise library
    assert stop.value.code == 2
    assert f"cannot write runs/x/metrics.jsonl: {os.strerror(number)}" in told(capsys)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(KeyError), user_errors_exit_2():
        raise KeyError("a fault of ours")


def test_what_was_deleted_while_a_run_trained_is_said_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, log = RunFolder(tmp_path / "run"), RunFolder.log

    def deleted(self: RunFolder, line: dict[str, object]) -> None:
        log(self, line)
        if line["step"] == 3:
            self.metrics.unlink()
            for path in self.rollouts.iterdir():
                path.unlink()
            self.rollouts.rmdir()

    monkeypatch.setattr(RunFolder, "log", deleted)
    with pytest.raises(SystemExit) as stop:
        run_command(["train", "demo-dler", *SMALL, "--quiet", "--out", str(run.path)])
    assert stop.value.code == 0
    line = "3 of 4 lines of metrics.jsonl and 2 of 2 files of rollouts/ were deleted while the run trained"
    assert line in capsys.readouterr().err
    assert any(line in alarm for alarm in run.alarms_said())
    assert run.is_finished()
    run.summary.unlink()  # as if it had been killed when it was trained
    with pytest.raises(SystemExit):
        run_command(["train", "demo-dler", *SMALL, "--quiet", "--out", str(run.path)])
    assert line in capsys.readouterr().err
    assert len([alarm for alarm in run.alarms_said() if line in alarm]) == 1


def test_nothing_is_written_to_a_folder_that_took_the_runs_place(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    writer = Writer(run)
    run.path.rename(tmp_path / "moved")
    run.path.mkdir()

    class State:
        is_world_process_zero, global_step = True, 1

    with pytest.raises(UserError, match="was deleted or replaced"):
        writer.on_log(None, State(), None, {"loss": 1.0})
    assert list(run.path.iterdir()) == []


def test_a_file_of_a_run_that_is_damaged_is_named(tmp_path: Path) -> None:
    run, recipe = RunFolder(tmp_path / "run"), load_recipe("demo-grpo")
    run.start(recipe)
    run.metrics.write_bytes(b'{"step": 1}\n{"step": 2, "lo')  # a crash's
    assert [line["step"] for line in run.logged()] == [1]
    for line in (b"\xff\xfe{}", b"[1]", b'{"step": "3"}', b'{"step": 3, "loss": "low"}', b"[" * 99999):
        run.metrics.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 4}\n')
        with pytest.raises(UserError, match=r"metrics\.jsonl(, line 2|: no UTF-8 at byte 13)"):
            run.logged()
    for damaged in ("a: [1", "just text", "[1]", "\x00"):
        run.recipe.write_text(damaged)
        with pytest.raises(UserError, match=r"recipe\.yaml is damaged \(.*put it back, or --overwrite the run"):
            run.status(recipe)


def test_lost_answers_are_asked_again_of_the_model_that_gave_them(evaluated_run: Path, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(evaluated_run, tmp_path / "run")))
    files = [run.evaluation(when) for when in ("before", "after")]
    given = [pq.read_table(file) for file in files]
    for lost in (*files, run.summary):
        lost.unlink()
    with pytest.raises(SystemExit) as stop:
        run_command(["train", str(run.recipe), "--out", str(run.path), "--quiet"])
    assert stop.value.code == 0
    assert [pq.read_table(file) for file in files] == given
