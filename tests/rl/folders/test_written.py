"""What `--overwrite` and its like delete: a marked folder's own files, and nothing else."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from rl.cli import run_command
from rl.errors import UserError
from rl.folders import checkpoints
from rl.folders.lock import locked
from rl.folders.run import RunFolder
from rl.folders.written import MARK, Mark
from rl.recipe.files import load_recipe


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        run_command(arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip()


def whole_run(path: Path) -> RunFolder:
    """Every kind of file that a run writes."""
    run = RunFolder(path)
    for place in (run, run.stage(1, "short")):
        place.start(load_recipe("demo-grpo"))
        place.log({"step": 1})
        place.write_alarm(0, "cut")
        place.write_rollouts(0, [pa.table({"step": [0]})])
        for name in ("probe.parquet", "evaluation/before.parquet", "evaluation/checkpoint-2.parquet",
                     "report/index.html", "report/summary.json", "checkpoints/README.md", "final.tmp/config.json",
                     "weights/weights-00000001/model-00000.safetensors", "checkpoints/_writing/checkpoint-4/x",
                     "checkpoints/checkpoint-1/torn.bin", "new/config.json"):  # fmt: skip
            (place.path / name).parent.mkdir(parents=True, exist_ok=True)
            (place.path / name).touch()
        (place.checkpoints / "checkpoint-2").mkdir()
        (place.checkpoints / "checkpoint-2" / "model.safetensors").touch()
        checkpoints.write(place.checkpoints / "checkpoint-2", {})
        place.take_final(place.path / "new")
    return run


def test_clearing_a_run_deletes_all_it_wrote_but_its_lock(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    with locked(run.path):
        run.clear()
    assert [path.name for path in run.path.iterdir()] == [".lock"]


STRANGE = [
    "notes.txt", "final/model.gguf", "checkpoints/checkpoint-2/notes.txt", "rollouts/mine.parquet", "report/notes.md",
    ".git/HEAD", "stages/1-short/notes.txt", "stages/notes.txt", "weights/mine.safetensors", "recipe.yaml.bak",
]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_a_run_with_a_file_of_somebody_else_in_it_is_not_cleared_and_names_it(name: str, tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    (run.path / name).parent.mkdir(exist_ok=True)
    (run.path / name).write_text("precious")
    before = sorted(run.path.rglob("*"))
    with pytest.raises(UserError, match=f"holds {name}, which a run does not write"):
        run.clear()
    assert sorted(run.path.rglob("*")) == before


def test_overwriting_spares_a_users_folder_with_a_recipe_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(load_recipe("demo-grpo").to_yaml())
    Path("thesis.txt").write_text("precious")
    for flags in ([], ["--overwrite"]):
        assert "is not a run folder" in refusal(capsys, "train", "recipe.yaml", "--out", ".", *flags)
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.yaml", "thesis.txt"}


def test_a_run_of_before_the_mark_goes_on_but_is_not_cleared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = whole_run(tmp_path / "run")
    Mark(run.path).path.unlink()
    run.summary.unlink()
    assert run.status(load_recipe("demo-grpo")) == "unfinished"
    told = refusal(capsys, "train", "demo-grpo", "--out", str(run.path), "--overwrite")
    assert f"has no mark ({MARK})" in told
    assert "delete it yourself" in told
    assert run.metrics.is_file()


def test_a_links_target_is_never_deleted(tmp_path: Path) -> None:
    run, big = whole_run(tmp_path / "run"), tmp_path / "big"
    big.mkdir()
    (big / "round-000000.parquet").touch()
    for path in run.rollouts.iterdir():
        path.unlink()
    run.rollouts.rmdir()
    run.rollouts.symlink_to(big)
    with pytest.raises(UserError, match="holds rollouts, which a run does not write"):
        run.clear()
    assert (big / "round-000000.parquet").exists()


def test_setting_a_run_back_leaves_files_that_only_look_like_rounds(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    for name in ("round-notes.txt", "round-best.parquet", "round-000009.parquet"):
        (run.rollouts / name).touch()
    run.rewind(0, 0)
    assert {path.name for path in run.rollouts.iterdir()} == {"round-notes.txt", "round-best.parquet"}


@pytest.mark.parametrize("busy", ["dler", "control", "."])
def test_a_demo_that_is_running_is_not_overwritten(
    busy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    Mark(out).write("demo")
    for label in ("dler", "control"):
        whole_run(out / label)
    before = sorted(out.rglob("*"))
    with locked(out / busy):
        assert "is being trained by process" in refusal(capsys, "demo", "--out", str(out), "--overwrite")
    assert {path for path in out.rglob("*") if path.name != ".lock"} == {*before}


def test_a_demo_wants_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "control.yaml").write_text("mine")
    assert "is not a demo's folder" in refusal(capsys, "demo", "--out", str(tmp_path), "--overwrite")
    assert [path.name for path in tmp_path.iterdir()] == ["control.yaml"]


def test_numbers_replace_numbers_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.md").write_text("precious")
    assert "is not what this command writes" in refusal(capsys, "demo", "--json", "notes.md")
    assert Path("notes.md").read_text() == "precious"
    assert "it is a folder" in refusal(capsys, "demo", "--json", str(tmp_path))


def test_evaluated_parts_go_and_what_lies_among_them_stays(tmp_path: Path) -> None:
    from rl.evaluation import Evaluation, Protocol
    from rl.evaluation.parts import Parts

    protocol = Protocol("mine", cap=8)
    parts = Parts(tmp_path / "answers.parquet", "model", protocol)
    parts.save(0, [])
    (parts.folder / "notes.txt").write_text("precious")
    parts.finish(Evaluation([], protocol, "model"))
    assert [path.name for path in parts.folder.iterdir()] == ["notes.txt"]


def test_weights_of_workers_are_cleared_and_others_in_their_folder_are_not(tmp_path: Path) -> None:
    from rl.rollouts.workers.engine import WorkersEngine

    for name in ("weights-00000003", ".weights-00000004.writing", "mine"):
        (tmp_path / name).mkdir()
    engine = WorkersEngine([], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "weights-00000005").mkdir()
    engine.close()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_mark_says_what_files_the_final_model_has(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    assert json.loads((run.path / MARK).read_text()) == {"kind": "run", "final": ["config.json"]}
