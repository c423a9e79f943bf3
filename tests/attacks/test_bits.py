"""One bit of a run or a release is turned: it is named, never used, and an older checkpoint is taken where there is one."""

import shutil
from pathlib import Path

import pytest
from small_runs import evaluated_run

from rl.cli import run_command
from rl.folders import checkpoints
from rl.folders.intact import model_damage
from rl.folders.run import RunFolder
from rl.folders.sums import SUMS

LICENSE = ("--license", "mit")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(whole, tmp_path / "run", symlinks=True)
    shutil.copyfile(whole.with_name("recipe.yaml"), tmp_path / "recipe.yaml")
    return RunFolder(tmp_path / "run")


def turn(path: Path, place: int | None = None) -> None:
    """Turn one bit, in the middle of a file unless it is said where."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if place is None else place] ^= 1
    path.write_bytes(data)


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 2) -> str:
    with pytest.raises(SystemExit) as stop:
        run_command([str(argument) for argument in arguments])
    assert stop.value.code == code
    return capsys.readouterr().err.strip()


def unfinished(run: RunFolder) -> None:
    """As a kill leaves it, before the model is saved."""
    for folder in (run.final, run.report):
        shutil.rmtree(folder)
    run.evaluation("after").unlink()


@pytest.mark.slow
def test_a_turned_bit_in_any_file_of_a_checkpoint_is_named(run: RunFolder) -> None:
    newest = run.checkpoints / "checkpoint-4"
    files = sorted(path.name for path in newest.iterdir())
    assert {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"} < set(files)
    for name in files:
        before = (newest / name).read_bytes()
        turn(newest / name)
        found = checkpoints.find(run.checkpoints)
        assert found.used == run.checkpoints / "checkpoint-2"
        state = name == checkpoints.STATE_FILE
        wrong = f"{name} cannot be read" if state else f"{name} is damaged: not the bits that were written"
        assert found.skipped == {"checkpoint-4": wrong}
        (newest / name).write_bytes(before)
    assert checkpoints.find(run.checkpoints).used == newest


def test_any_bit_of_a_state_may_be_turned(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("weights")
    checkpoints.write(tmp_path, {"step": 4})
    state = tmp_path / checkpoints.STATE_FILE
    whole = state.read_bytes()
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        state.write_bytes(changed)
        assert checkpoints.fault(tmp_path) is not None, place
    state.write_bytes(whole)
    assert checkpoints.fault(tmp_path) is None


@pytest.mark.slow
def test_a_run_goes_on_from_the_checkpoint_before_the_damaged_one(
    run: RunFolder, whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    unfinished(run)
    turn(run.checkpoints / "checkpoint-4" / "rng_state.pth")
    told(capfd, "train", run.path.with_name("recipe.yaml"), "--out", run.path, "--quiet", code=0)
    names = [path.name for path in sorted(run.checkpoints.glob("checkpoint-*"))]
    assert names == ["checkpoint-2", "checkpoint-4"]
    weights = "final/model.safetensors"
    assert (run.path / weights).read_bytes() == (whole / weights).read_bytes()


def test_a_damaged_final_model_is_neither_gone_on_with_nor_evaluated_nor_released(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run.report)
    run.evaluation("after").unlink()
    turn(run.final / "model.safetensors")
    again = told(capsys, "train", tmp_path / "recipe.yaml", "--out", run.path, "--quiet")
    assert "final/model.safetensors is damaged" in again
    assert "delete the folder, and the same command makes it again" in again
    assert "is damaged" in told(capsys, "evaluate", "--run", run.path)
    assert "is damaged" in told(capsys, "release", run.path, *LICENSE, "--out", tmp_path / "released")
    turn(run.checkpoints / "checkpoint-2" / "model.safetensors")
    for path in (run.final, run.checkpoints / "checkpoint-2"):
        evaluate = ("evaluate", "--model", path, "--data", "demo", "--limit", "2", "--cap", "20")
        assert "is damaged" in told(capsys, *evaluate)
        merge = ("merge", "--method", "linear", "--base", "demo", "--trained", path, "--out", tmp_path / "merged")
        assert "is damaged" in told(capsys, *merge)


def test_of_a_checkpoint_that_is_only_evaluated_its_model_alone_must_be_whole(run: RunFolder) -> None:
    (run.checkpoints / "checkpoint-2" / "optimizer.pt").unlink()
    assert model_damage(run.checkpoints / "checkpoint-2") is None
    assert checkpoints.fault(run.checkpoints / "checkpoint-2") == "optimizer.pt is missing"


def test_damaged_answers_are_not_shown(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turn(run.evaluation("after"))
    assert "evaluation/after.parquet is damaged" in told(capsys, "compare", run.path, "--out", tmp_path / "page")


def test_a_command_looks_at_every_bit_of_a_run(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "check", run.path, code=0)
    for name in ("checkpoints/checkpoint-2/optimizer.pt", "final/tokenizer.json", "evaluation/checkpoint-2.parquet"):
        turn(run.path / name)
    with pytest.raises(SystemExit):
        run_command(["check", str(run.path)])
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        f"{run.checkpoints / 'checkpoint-2'}: optimizer.pt is damaged: not the bits that were written",
        f"{run.path / 'evaluation/checkpoint-2.parquet'}: evaluation/checkpoint-2.parquet is damaged: not the bits that "
        "were written, by SHA256SUMS",
        f"{run.final}: final/tokenizer.json is damaged: not the bits that were written, by SHA256SUMS",
    ]
    assert "3 of its parts are damaged" in shown.err


def test_a_command_looks_at_every_bit_of_a_release(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "released"
    told(capsys, "release", run.path, *LICENSE, "--out", out, code=0)
    told(capsys, "check", out, code=0)
    turn(out / "model.safetensors")
    assert "model.safetensors has changed since it was released" in told(capsys, "check", out)
    assert "is not a released folder" in told(capsys, "check", tmp_path)


def test_a_file_that_is_written_again_is_whole_and_a_cut_line_is_written_over(run: RunFolder) -> None:
    from rl.evaluation import Evaluation

    answers = Evaluation.load(run.evaluation("after"))
    with (run.path / SUMS).open("a") as file:
        file.write("0" * 64 + "  evaluation/aft")
    answers.rows.pop()
    answers.save(run.evaluation("after"))
    assert len(Evaluation.load(run.evaluation("after")).rows) == len(answers.rows)
    assert "evaluation/aft\n" not in (run.path / SUMS).read_text()
