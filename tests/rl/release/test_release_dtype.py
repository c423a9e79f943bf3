import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from commands import refused
from commands import run as command
from safetensors.torch import load_file
from small_bases import older_base
from small_runs import RECIPE

from rl.errors import UserError
from rl.evaluation import Evaluation
from rl.folders.run import RunFolder
from rl.merging.origin import tokenizer_files
from rl.recipe.values import merge
from rl.release import Wanted, release
from rl.run.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run from a bfloat16 base beside it, whose learning rate moves every weight."""
    folder = tmp_path_factory.mktemp("half")
    recipe = merge(RECIPE, {"model": str(older_base(folder / "base")), "trainer": {"learning_rate": 1e-3}})
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return train(str(folder / "recipe.yaml"), out=folder / "run", quiet=True)


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    return RunFolder(Path(shutil.copytree(trained.path, tmp_path / "run")))


def base_of(run: RunFolder) -> Path:
    return Path(yaml.safe_load(run.recipe.read_text())["model"])


def dtypes(folder: Path) -> set[torch.dtype]:
    return {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tokenizer_files(folder)}


def wanted(**options: Any) -> Wanted:
    return Wanted(**{"license": "mit", **options})


def test_a_run_ends_with_a_model_in_its_bases_dtype_with_its_tokenizer(run: RunFolder) -> None:
    base = base_of(run)
    assert dtypes(run.final) == {torch.bfloat16}
    assert files(run.final) == files(base)
    config = json.loads((run.final / "config.json").read_text())
    assert (config["torch_dtype"], config["rope_theta"], config["use_cache"]) == ("bfloat16", 5e5, True)
    assert dtypes(run.checkpoints / "checkpoint-4") == {torch.float32}
    kept, exact = (load_file(p / "model.safetensors") for p in (run.final, run.checkpoints / "checkpoint-4"))
    assert all(torch.equal(kept[name], exact[name].bfloat16()) for name in kept)
    before = load_file(base / "model.safetensors")
    assert any(not torch.equal(kept[name], before[name]) for name in kept)


def test_what_is_evaluated_after_training_is_what_final_holds(run: RunFolder) -> None:
    rows = Evaluation.load(run.evaluation("after")).rows
    run.evaluation("after").unlink()
    run.summary.unlink()
    train(str(run.recipe), out=run.path, quiet=True)
    assert Evaluation.load(run.evaluation("after")).rows == rows


def test_a_release_has_the_bases_dtype_unless_another_is_asked_for(run: RunFolder) -> None:
    result = release(run, wanted(), Path("model"))
    assert (result["dtype"], dtypes(Path("model"))) == ("bfloat16", {torch.bfloat16})
    assert Path("model/model.safetensors").stat().st_size < 1.05 * (base_of(run) / "model.safetensors").stat().st_size
    assert files(Path("model")) == files(base_of(run))
    assert "Its weights are bfloat16.\n" in Path("model/README.md").read_text()
    earlier = wanted(checkpoint="2", evaluations=[figures(run)])
    release(run, earlier, Path("rounded"))
    assert (
        "weights are bfloat16, rounded from the float32 in which the run kept" in Path("rounded/README.md").read_text()
    )
    exact = load_file(run.checkpoints / "checkpoint-2/model.safetensors")
    found = load_file("rounded/model.safetensors")
    assert all(torch.equal(found[name], exact[name].bfloat16()) for name in found)
    assert files(Path("rounded")) == files(base_of(run))
    release(run, wanted(checkpoint="2", evaluations=[figures(run)], dtype="float32"), Path("exact"))
    found = load_file("exact/model.safetensors")
    assert all(torch.equal(found[name], exact[name]) for name in found)
    assert json.loads(Path("exact/config.json").read_text())["torch_dtype"] == "float32"


def figures(run: RunFolder) -> Path:
    if not Path("out.json").exists():
        command("evaluate", "--model", str(run.final), "--data", "demo", "--limit", "4", "--cap", "80")
    return Path("out.json")


def test_the_command_takes_a_dtype_and_refuses_others(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    made = command("release", str(run.path), "--license", "mit", "--out", "half", "--dtype", "float16")
    assert (made["dtype"], dtypes(Path("half"))) == ("float16", {torch.float16})
    line = refused(capsys, "release", str(run.path), "--license", "mit", "--out", "other", "--dtype", "int8")
    assert "int8" in line


def test_without_its_base_a_release_wants_a_dtype(run: RunFolder) -> None:
    values = yaml.safe_load(run.recipe.read_text())
    run.recipe.write_text(yaml.safe_dump({**values, "model": "./nowhere"}))
    shutil.rmtree(run.path / "evaluation")
    options = {"evaluations": [figures(run)]}
    with pytest.raises(UserError, match=r"its base's dtype: give --dtype, or bring the base back .*no such folder"):
        release(run, wanted(**options), Path("model"))
    assert release(run, wanted(**options, dtype="bfloat16"), Path("model"))["dtype"] == "bfloat16"


def test_a_base_and_what_a_run_made_of_it_merge_without_a_word_on_dtypes(run: RunFolder) -> None:
    for trained, out in ((run.final, "a"), (run.checkpoints / "checkpoint-4", "b")):
        record = command("merge", "--base", str(base_of(run)), "--trained", str(trained), "--out", out)
        assert (record["dtype"], dtypes(Path(out))) == ("bfloat16", {torch.bfloat16})
        assert json.loads((Path(out) / "config.json").read_text())["torch_dtype"] == "bfloat16"
        assert files(Path(out)) == files(base_of(run))
