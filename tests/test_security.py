"""What docs/security.md says is protected, each claim tried."""

import ast
import json
import os
import pickle
import re
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from places import ROOT
from small_runs import RECIPE
from workers import fake_workers

from rl.cli import run_command
from rl.errors import UserError
from rl.folders import checkpoints
from rl.models import load_config, load_model, load_tokenizer, resolve_model
from rl.plugins import find, load_reward, load_verifier
from rl.problems.data import load_problems
from rl.recipe.files import load_recipe
from rl.recipe.parts import LoraPart, PromptPart, SourcePart
from rl.release.check import require_loads
from rl.rollouts.vllm.options import WorkerOptions
from rl.secrecy.forms import REMOVED, without_own_secrets
from rl.trainer.lora import peft_config

DEMO = Path(resolve_model("demo"))


class Bomb:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_command(list(arguments))
    return int(stop.value.code or 0)


def test_the_bomb_goes_off_where_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "marker")))
    assert (tmp_path / "marker").is_dir()


# Files that came from elsewhere ---------------------------------------------------------------


def test_a_pickle_in_place_of_weights_is_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DEMO, folder)
    (folder / "model.safetensors").unlink()
    torch.save({"x": Bomb(tmp_path / "marker")}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="cannot load a model"):
        load_model(str(folder))
    assert not (tmp_path / "marker").exists()


def test_a_pickle_in_place_of_an_adapter_is_not_run(tmp_path: Path) -> None:
    from peft import get_peft_model

    get_peft_model(load_model(str(DEMO)), peft_config(LoraPart(rank=2))).save_pretrained(tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").unlink()
    torch.save({"x": Bomb(tmp_path / "marker")}, tmp_path / "adapter" / "adapter_model.bin")
    with pytest.raises(UserError, match="cannot load a model"):
        load_model(str(tmp_path / "adapter"))
    assert not (tmp_path / "marker").exists()


def test_pickles_in_a_checkpoint_are_not_run(tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({**RECIPE, "data": {"train": RECIPE["data"]["train"]}}))  # type: ignore[index]
    assert command("train", str(recipe), "--out", str(out), "--quiet") == 0
    whole = tmp_path / "whole"
    shutil.copytree(out, whole)
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        shutil.rmtree(out)
        shutil.copytree(whole, out)
        shutil.rmtree(out / "final")
        shutil.rmtree(out / "report")
        shutil.rmtree(out / "checkpoints" / "checkpoint-4")
        last = out / "checkpoints" / "checkpoint-2"
        torch.save({"x": Bomb(tmp_path / "marker")}, last / name)
        state = checkpoints.read(last)
        (last / checkpoints.STATE_FILE).unlink()
        checkpoints.write(last, state)  # whoever put it there has the sizes right, too
        with pytest.raises(Exception, match=r"weights_only|Weights only"):
            run_command(["train", str(recipe), "--out", str(out), "--quiet"])
        assert not (tmp_path / "marker").exists(), name


def test_a_recipe_makes_no_objects(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(f"name: !!python/object/apply:os.mkdir ['{tmp_path}/marker']\n")
    with pytest.raises(UserError, match="is not YAML"):
        load_recipe(str(tmp_path / "r.yaml"))
    assert not (tmp_path / "marker").exists()


def test_a_data_set_in_a_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "marker")))
    verifier = load_verifier("exact", {})
    for source in (
        SourcePart(str(tmp_path / "x.pkl")),
        SourcePart("pandas", options={"data_files": f"{tmp_path}/x.pkl"}),
    ):
        with pytest.raises(UserError):
            load_problems(source, PromptPart(), verifier)
    assert not (tmp_path / "marker").exists()


# Code that comes with a model -----------------------------------------------------------------


@pytest.fixture
def with_code(tmp_path: Path) -> Path:
    """A model whose classes are in a file of its own, which makes a folder when it is imported."""
    folder = tmp_path / "theirs"
    shutil.copytree(DEMO, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "theirs",
        "auto_map": {"AutoConfig": "theirs.TheirConfig", "AutoModelForCausalLM": "theirs.TheirModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(
        "from pathlib import Path\n"
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        f"Path({str(tmp_path / 'marker')!r}).mkdir(exist_ok=True)\n"
        "class TheirConfig(LlamaConfig):\n    model_type = 'theirs'\n"
        "class TheirModel(LlamaForCausalLM):\n    config_class = TheirConfig\n"
    )
    return folder


def test_a_models_own_code_is_not_run(with_code: Path, tmp_path: Path) -> None:
    place = str(with_code)
    for load in (load_model, load_config, lambda name: require_loads(Path(name))):
        with pytest.raises(UserError, match=r"trust_remote_code|custom code"):
            load(place)
    arguments = ["--data", "demo", "--limit", "2", "--cap", "8"]
    assert command("evaluate", "--model", place, *arguments) == 2
    assert command("train", "demo-dler", f"model={place}", "--dry-run") == 2
    assert command("merge", "--base", place, "--trained", place, "--out", str(tmp_path / "merged")) == 0
    assert not any("trust" in word for word in WorkerOptions(place, 8000).arguments())
    assert not (tmp_path / "marker").exists()


def test_it_is_run_where_the_recipe_asks_for_it(
    with_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    asked = ["trainer.trust_remote_code=true", f"model={with_code}"]
    assert command("train", "demo-dler", *asked, "--dry-run") == 0
    assert (tmp_path / "marker").is_dir()
    assert load_model(str(with_code), trust_remote_code=True).config.model_type == "theirs"
    assert load_tokenizer(str(with_code), True).chat_template


# Plug-ins -------------------------------------------------------------------------------------


def test_only_the_plug_in_that_is_named_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("one", "two", "three"):
        Path(f"my_{name}.py").write_text(
            f"open('imported-{name}', 'w')\nclass R:\n    name = '{name}'\n"
            "    def __call__(self, group, history):\n        return [1.0 for _ in group.rollouts]\n"
        )
    offered = [EntryPoint(name, f"my_{name}:R", "lengthwise.rewards") for name in ("one", "two")]
    monkeypatch.setattr(find, "entry_points", lambda group: offered)
    assert load_reward("one", {}).name == "one"
    with pytest.raises(UserError, match="unknown reward 'three'"):
        load_reward("three", {})
    assert [path.name for path in tmp_path.glob("imported-*")] == ["imported-one"]


# Secrets --------------------------------------------------------------------------------------


def written(folder: Path) -> str:
    """All that lies below a folder, tables as text."""
    parts = []
    for path in folder.rglob("*"):
        if path.is_file():
            text = (
                str(pq.read_table(path).to_pydict())
                if path.suffix == ".parquet"
                else path.read_bytes().decode("latin-1")
            )
            parts.append(f"{path} {text}")
    return "\n".join(parts)


def test_what_a_run_and_its_release_write_and_print_holds_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = {
        "HF_TOKEN": "hf_" + "q" * 34,
        "WANDB_API_KEY": "0123456789abcdef" * 2,
        "OPENAI_API_KEY": "sk-" + "z" * 40,
        "LENGTHWISE_WORKER_KEY": "words of my own",
        "LENGTHWISE_REWARD_TOKEN": "and these of mine",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    with fake_workers(1, "--model", str(DEMO), "--key", secrets["LENGTHWISE_WORKER_KEY"]) as (worker,):
        rollouts = {"engine": "workers", "workers": [worker.address], "pool": {"api_key_env": "LENGTHWISE_WORKER_KEY"}}
        recipe = tmp_path / "recipe.yaml"
        (tmp_path / "mine.py").write_text(
            "class R:\n    name = 'mine'\n    def __init__(self, key: str) -> None:\n        assert key.startswith('and ')\n"
            "    def __call__(self, group, history):\n        return [0.0 for _ in group.rollouts]\n"
        )
        mine = {"name": f"{tmp_path}/mine.py:R", "key": {"env": "LENGTHWISE_REWARD_TOKEN"}}
        recipe.write_text(yaml.safe_dump({**RECIPE, "rollouts": rollouts, "rewards": ["truncation", mine]}))
        assert command("train", str(recipe), "--out", str(tmp_path / "run")) == 0
    released = ["--out", str(tmp_path / "model"), "--license", "mit", "--push", "me/model"]
    assert command("release", str(tmp_path / "run"), *released) == 0

    class Refuses:
        def create_repo(self, *_: Any, **__: Any) -> None:
            raise RuntimeError(f"Bearer {secrets['HF_TOKEN']} may not, nor may {secrets['LENGTHWISE_WORKER_KEY']}")

    monkeypatch.setattr("huggingface_hub.HfApi", Refuses)
    assert command("release", str(tmp_path / "model"), "--push", "me/model", "--yes") == 2
    printed = capfd.readouterr()
    assert REMOVED in printed.err
    everything = written(tmp_path) + printed.out + printed.err
    assert "LENGTHWISE_WORKER_KEY" in everything
    assert "env: LENGTHWISE_REWARD_TOKEN" in (tmp_path / "model" / "recipe.yaml").read_text()
    assert [name for name, value in secrets.items() if value in everything] == []


@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        (["trainer.hub_token=abc"], "demo-dler.trainer.hub_token"),
        (["trainer.model_init_kwargs.token=abc"], "demo-dler.trainer.model_init_kwargs.token"),
        (["data.train.options.password=abc"], "demo-dler.data.train.options.password"),
        (
            ["rollouts.engine=workers", "rollouts.workers=['http://me:mine@127.0.0.1:1']"],
            "demo-dler.rollouts.workers.0",
        ),
        (["data.prompt.system=" + "hf_" + "a" * 30], "demo-dler.data.prompt.system"),
    ],
)
def test_a_secret_in_a_recipe_is_refused_and_not_repeated(
    overrides: list[str], place: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("train", "demo-dler", *overrides, "--out", str(tmp_path / "run")) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"error: {place} is a secret, which would be written into the run's folder")
    assert not any(part in said for part in ("abc", "mine@", "hf_a"))
    assert not (tmp_path / "run").exists()


def test_a_key_in_place_of_its_variables_name_is_not_repeated(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    key = "sk-" + "a" * 30
    asked = ["rollouts.engine=workers", "rollouts.workers=['http://127.0.0.1:1']", f"rollouts.pool.api_key_env={key}"]
    assert command("train", "demo-dler", *asked, "--out", str(tmp_path / "run")) == 2
    assert command("serve", "--model", "demo", "--port", "8000", "--api-key-env", key) == 2
    said = capfd.readouterr().err
    assert key not in said
    assert len(said.strip().splitlines()) == 2


def test_short_values_of_the_environment_stay_in_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SORT_KEY", "run")
    monkeypatch.setenv("MY_TOKEN", "12345678\n")
    assert without_own_secrets("run 12345678 again") == f"run {REMOVED} again"


# Servers, and our own source ------------------------------------------------------------------


def test_a_worker_listens_to_this_machine_only_and_to_others_with_a_key() -> None:
    assert "--host=127.0.0.1" in WorkerOptions("demo", 8000).arguments()
    with pytest.raises(UserError, match="is open to others: give a key"):
        WorkerOptions("demo", 8000, host="0.0.0.0")


def test_no_code_of_ours_unpickles_evaluates_or_trusts() -> None:
    found = set()
    for folder in ("lengthwise", "rl", "rewards", "curricula", "data_synth", "experiments"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = ast.unparse(node.func)
                    text = ast.unparse(node)
                    unsafe = re.fullmatch(r"(torch|pickle|cPickle|dill|marshal|joblib|np|numpy)\.loads?", name)
                    # slime's logs are pickles of torch, which this reads without running what is in them.
                    unsafe = unsafe and not (name == "torch.load" and "weights_only=True" in text)
                    unsafe = unsafe or name in ("eval", "exec", "os.system", "yaml.unsafe_load", "yaml.full_load")
                    unsafe = unsafe or (name == "yaml.load" and "_Loader" not in text)
                    if unsafe or "trust_remote_code=True" in text or "shell=True" in text:
                        found.add((str(path.relative_to(ROOT)), name))
    assert found == set()
