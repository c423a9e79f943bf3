"""KeyChain's two recipes: the small one trains, the paper's is made ready on data that its own commands made."""

import json
import re
from pathlib import Path

import pytest

from rl.cli import run_command
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.values import merge, parse_recipe, stages_of
from rl.run.prepare import prepare
from rl.run.train import train

COMMAND = re.compile(r"^#   lengthwise (synth .+)$", re.MULTILINE)
FEW = {
    "data": {"train": {"options": {"n": 32}}, "eval": {"options": {"n": 8}}},
    "trainer": {"per_device_train_batch_size": 8, "steps_per_generation": 2, "max_steps": 2, "save_steps": 2},
}


def test_the_small_recipe_runs_to_its_report(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(merge(load_recipe("keychain-demo").to_dict(), FEW)))
    run = train(str(file), out=tmp_path / "run", quiet=True)
    summary = json.loads(run.summary.read_text())
    assert (summary["steps"], summary["after"]["n"]) == (2, 8)
    assert (run.final / "model.safetensors").is_file()


def test_the_papers_recipe_trains_on_what_its_commands_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = COMMAND.findall(shipped_recipes()["loongrl"].read_text())
    assert len(commands) == 4
    for command in commands:
        small = re.sub(r"--tokens 16384 --n \d+", "--tokens 2048 --n 6", command)
        with pytest.raises(SystemExit, match="0"):
            run_command([*small.split(), "--tokenizer", "estimate", "--quiet"])
    values = merge(load_recipe("loongrl").to_dict(), {"model": "demo", "batch": {"groups": 4}})
    recipe = parse_recipe(values)
    counts = [len(prepare(stage, tmp_path / "run").train.problems) for _, stage in stages_of(recipe)]
    assert counts == [18, 24, 24]
