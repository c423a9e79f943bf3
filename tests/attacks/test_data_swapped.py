"""Between two starts of a run its data, a plug-in or its model is replaced: refused in one line, or accepted by name."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file, save_file

from data_synth.arithmetic import problems
from rewards import correct
from rl.cli import run_command
from rl.folders.run import RunFolder
from rl.models import resolve_model
from rl.run.inputs import _file_of

PLUGIN = "def shorter(completion_ids, **_):\n    return [-len(ids) / 100 for ids in completion_ids]\n"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that a run takes from files of the user's."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(resolve_model("demo"), "base")
    Path("mine.py").write_text(PLUGIN)
    for split, count in (("train", 24), ("test", 4)):
        rows = problems(split=split, n=count)  # type: ignore[arg-type]
        Path(f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values: dict[str, Any] = {
        "extends": "demo-grpo",
        "name": "swapped",
        "model": "./base",
        "data": {"train": "train.jsonl", "eval": "test.jsonl"},
        "rewards": ["correct", "mine.py:shorter"],
        "budget": {"name": "constant", "tokens": 40},
        "evaluation": {"budget": 40, "before": False},
        "trainer": {
            "max_steps": 4, "save_steps": 2, "num_generations": 4, "per_device_train_batch_size": 8,
            "steps_per_generation": 2,
        },
    }  # fmt: skip
    Path("recipe.yaml").write_text(yaml.safe_dump(values))
    return Path("recipe.yaml")


def begin(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """As a SIGTERM leaves a run, after its first checkpoint."""
    kept = RunFolder.log

    def log(self: RunFolder, line: dict[str, Any]) -> None:
        kept(self, line)
        if line["step"] == 2:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "log", log)
        assert start(recipe) == 143
    return RunFolder(Path("run"))


def start(recipe: Path, *flags: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_command(["train", str(recipe), "--out", "run", "--quiet", *flags])
    return int(stop.value.code or 0)


def other_problem(name: str) -> Callable[[], None]:
    def swap() -> None:
        first, *rest = Path(name).read_text().splitlines()
        Path(name).write_text("\n".join([*rest, first]) + "\n")

    return swap


def other_plug_in() -> None:
    Path("mine.py").write_text(PLUGIN.replace("100", "10"))


def other_weights() -> None:
    weights = load_file("base/model.safetensors")
    name = sorted(weights)[0]
    save_file({**weights, name: weights[name] * 1.01}, "base/model.safetensors", {"format": "pt"})


SWAPS = [
    (other_problem("train.jsonl"), "data.train (train.jsonl)"),
    (other_problem("test.jsonl"), "data.eval (test.jsonl)"),
    (other_plug_in, "plug-in mine.py:shorter"),
    (other_weights, "model (./base)"),
]


def test_what_a_run_is_made_of_cannot_be_replaced_without_a_word(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begin(recipe, monkeypatch)
    whole = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name != ".lock"}
    for swap, name in SWAPS:
        files = {
            path: path.read_bytes() for path in [*Path().glob("*.*"), Path("base/model.safetensors")] if path.is_file()
        }
        swap()
        capsys.readouterr()
        assert start(recipe) == 2
        assert capsys.readouterr().err.strip().splitlines()[-1] == (
            f"error: run was begun with another {name}; put it back, or go on with what is there now by --accept-data"
        )
        for path, data in files.items():
            path.write_bytes(data)
    assert {path: path.read_bytes() for path in whole} == whole
    other_problem("train.jsonl")()
    other_plug_in()
    assert start(recipe, "--accept-data") == 0
    said = "run goes on with another data.train (train.jsonl) and another plug-in mine.py:shorter"
    assert said in capsys.readouterr().err
    assert run.is_finished()


def test_the_same_problems_in_another_file_are_the_same(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(recipe, monkeypatch)
    text = Path("train.jsonl").read_text()
    Path("train.jsonl").write_text(text.replace('": ', '":   ') + "\n")
    assert start(recipe) == 0


def test_a_run_of_before_there_were_inputs_goes_on_and_has_them(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(recipe, monkeypatch)
    before = json.loads(run.inputs.read_text())
    run.inputs.unlink()
    assert start(recipe) == 0
    assert json.loads(run.inputs.read_text()) == before
    assert set(before) == {name for _, name in SWAPS}


@pytest.mark.parametrize("place", ["org/math.v1", "./rows", "..", "a..b", "nowhere.at_all", "jsonl", "C"])
def test_a_data_sets_name_is_taken_for_no_plug_in(place: str) -> None:
    assert _file_of(place) is None
    assert _file_of("rewards.correct") == Path(correct.__file__)
