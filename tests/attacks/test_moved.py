"""A run of stages is moved, or mounted elsewhere, in the middle: it goes on, and nothing in it says where it was."""

import shutil
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from rl.cli import run_command
from rl.folders.run import RunFolder
from rl.models import base_of, load_model

RECIPE = {
    "extends": "demo-hapo",
    "name": "staged",
    "data": {
        "train": {"source": "demo", "options": {"split": "train", "n": 24, "seed": 0}},
        "eval": {"source": "demo", "options": {"split": "test", "n": 4, "seed": 0}},
    },
    "budget": {"tokens": 40},
    "evaluation": {"budget": 40},
    "trainer": {
        "max_steps": 2, "save_steps": 2, "num_generations": 4, "per_device_train_batch_size": 8,
        "steps_per_generation": 2,
    },
    "stages": [
        {"name": "whole"},
        {"name": "adapter", "lora": {"rank": 2, "target_modules": ["q_proj"]}},
    ],
}  # fmt: skip


def train(recipe: Path, out: Path) -> RunFolder:
    with pytest.raises(SystemExit) as stop:
        run_command(["train", str(recipe), "--out", str(out), "--quiet"])
    assert stop.value.code == 0
    return RunFolder(out)


@pytest.mark.slow
def test_a_run_of_stages_goes_on_wherever_it_is_moved(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    run = train(recipe, tmp_path / "here" / "run")
    weights = load_file(run.stage(2, "adapter").final / "adapter_model.safetensors")
    held = {
        path.relative_to(run.path).as_posix()
        for path in run.path.rglob("*")
        if path.is_file() and path.suffix in (".json", ".jsonl", ".yaml", ".html") and str(tmp_path) in path.read_text()
    }
    assert held == {f"stages/2-adapter/{place}/adapter_config.json" for place in ("checkpoints/checkpoint-2", "final")}

    (tmp_path / "there").mkdir()
    shutil.move(run.path, tmp_path / "there" / "run")
    moved = RunFolder(tmp_path / "there" / "run")
    adapter = moved.stage(2, "adapter")
    assert Path(base_of(str(adapter.final)) or "").resolve() == moved.stage(1, "whole").final
    load_model(str(adapter.final))
    for lost in (adapter.final, adapter.report, moved.report):
        shutil.rmtree(lost)
    moved.final.unlink()
    adapter.evaluation("after").unlink()
    train(recipe, moved.path)
    again = load_file(moved.final / "adapter_model.safetensors")
    assert all(again[name].equal(weights[name]) for name in weights)
    with pytest.raises(SystemExit) as stop:
        run_command(["evaluate", "--run", str(adapter.path), "--checkpoint", "2"])
    assert stop.value.code == 0
