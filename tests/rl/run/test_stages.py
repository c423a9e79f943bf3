import json
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from rl.errors import UserError
from rl.evaluation import Evaluation
from rl.folders.run import RunFolder
from rl.recipe.files import load_recipe
from rl.recipe.values import merge, parse_recipe, stages_of
from rl.run.train import build_trainer, train

STAGED = {
    "extends": "demo-hapo",
    "name": "staged",
    "data": {
        "train": {"source": "demo", "options": {"split": "train", "n": 24, "seed": 0}},
        "eval": {"source": "demo", "options": {"split": "test", "n": 8, "seed": 0}},
    },
    "budget": {"tokens": 60},
    "evaluation": {"budget": 60},
    "trainer": {
        "max_steps": 2, "save_steps": 2, "num_generations": 4, "per_device_train_batch_size": 8,
        "steps_per_generation": 2,
    },
    "stages": [
        {"name": "long"},
        {"name": "short", "budget": {"tokens": 30}, "data": {"probe": {"samples": 2, "below": 1.0}}},
    ],
}  # fmt: skip


def file_of(values: dict[str, Any], folder: Path) -> str:
    path = folder / "staged.yaml"
    path.write_text(yaml.safe_dump(values))
    return str(path)


def test_parts_merge_and_named_plug_ins_are_replaced_whole() -> None:
    base = {"budget": {"name": "constant", "tokens": 9}, "trainer": {"a": 1, "b": 2}, "rewards": ["correct"]}
    assert merge(base, {"trainer": {"b": 3}, "budget": {"tokens": 7}}) == {
        "budget": {"name": "constant", "tokens": 7}, "trainer": {"a": 1, "b": 3}, "rewards": ["correct"],
    }  # fmt: skip
    assert merge(base, {"budget": {"name": "siri-cosine"}, "rewards": ["hapo"]}) == {
        "budget": {"name": "siri-cosine"}, "trainer": {"a": 1, "b": 2}, "rewards": ["hapo"],
    }  # fmt: skip


def test_a_stage_is_the_recipe_with_its_overrides(tmp_path: Path) -> None:
    (first, long), (second, short) = stages_of(load_recipe(file_of(STAGED, tmp_path)))
    assert (first, second) == ("long", "short")
    assert (long.name, short.name) == ("staged-long", "staged-short")
    assert (long.budget.options, short.budget.options) == ({"tokens": 60}, {"tokens": 30})
    assert long.data.probe is None
    assert short.data.probe is not None
    assert short.rewards == long.rewards


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"name": "b", "budgt": 1}, "unknown key 'budgt' in staged, stage b; did you mean 'budget'?"),
        ({"name": "b", "stages": []}, "staged, stage b: a stage has no stages of its own"),
        ({"name": "b", "trainer": 5}, "staged, stage b: trainer: "),
    ],
)
def test_a_mistake_in_a_stage_is_named(stage: dict[str, Any], message: str, tmp_path: Path) -> None:
    recipe = load_recipe(file_of({**STAGED, "stages": [{"name": "a"}, stage]}, tmp_path))
    with pytest.raises(UserError) as error:
        stages_of(recipe)
    assert str(error.value).startswith(message)


def test_a_recipe_that_extends_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leads back to itself"):
        load_recipe(file_of({**STAGED, "extends": "staged.yaml"}, tmp_path))


@pytest.fixture
def left_over(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """For each trainer that is built, the models of earlier ones that are still in memory."""
    found: list[list[str]] = []
    models: list[weakref.ref[Any]] = []

    def build(*args: Any, **kwargs: Any) -> Any:
        found.append([type(model).__name__ for one in models if (model := one()) is not None])
        trainer = build_trainer(*args, **kwargs)
        models.extend(weakref.ref(model) for model in (trainer.model, trainer.ref_model) if model is not None)
        return trainer

    monkeypatch.setattr("rl.run.train.build_trainer", build)
    return found


def test_each_stage_starts_from_the_model_before_it_and_a_broken_run_ends_as_the_unbroken(
    left_over: list[list[str]], tmp_path: Path
) -> None:
    recipe = file_of(STAGED, tmp_path)
    whole = train(recipe, out=tmp_path / "whole", quiet=True)
    assert left_over == [[], []]
    long, short = whole.stage(1, "long"), whole.stage(2, "short")
    assert yaml.safe_load(short.recipe.read_text())["model"] == "../1-long/final"
    assert not short.evaluation("before").exists()
    assert Evaluation.load(whole.evaluation("before")) == Evaluation.load(long.evaluation("before"))
    assert Evaluation.load(whole.evaluation("after")) == Evaluation.load(short.evaluation("after"))
    # Evaluation has a cap of its own: 60 tokens, where the second stage trains with 30.
    assert 30 < max(row["length"] for row in Evaluation.load(whole.evaluation("after")).rows) <= 60
    assert [(line["step"], line["stage"]) for line in whole.logged()] == [
        (1, "1-long"), (2, "1-long"), (3, "2-short"), (4, "2-short"),
    ]  # fmt: skip
    assert whole.final.resolve() == short.final.resolve()

    broken = RunFolder(tmp_path / "broken")
    shutil.copytree(whole.path, broken.path, symlinks=True)
    stage = broken.stage(2, "short")
    for lost in (stage.final, stage.report, broken.report, stage.path / "checkpoints", stage.path / "evaluation"):
        shutil.rmtree(lost)
    broken.final.unlink()
    begun_earlier = yaml.safe_load(stage.recipe.read_text()) | {"model": str(long.final)}  # as versions before wrote it
    stage.recipe.write_text(yaml.safe_dump(begun_earlier))
    resumed = train(recipe, out=broken.path, quiet=True)
    ours, theirs = (load_file(run.final / "model.safetensors") for run in (resumed, whole))
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    assert json.loads(resumed.summary.read_text())["after"] == json.loads(whole.summary.read_text())["after"]


def test_a_batch_holds_on_any_number_of_ranks_or_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rl.recipe import trainer_config

    class State:
        num_processes = 1

    monkeypatch.setattr(trainer_config, "launched", State)
    recipe = parse_recipe(
        {
            "name": "r", "model": "demo", "data": {"train": "demo"}, "rewards": ["correct"],
            "budget": {"name": "constant", "tokens": 8}, "trainer": {"num_generations": 16},
            "batch": {"groups": 512, "updates": 8, "per_device": 16},
        }
    )  # fmt: skip
    # 512 groups x 16 = 8192 rollouts, 8 updates of 1024; 16 at once on each of 1, 8, 64 ranks.
    for ranks, accumulation in ((1, 64), (8, 8), (64, 1)):
        State.num_processes = ranks
        assert trainer_config.batch_settings(recipe) == {
            "per_device_train_batch_size": 16,
            "gradient_accumulation_steps": accumulation,
            "steps_per_generation": 8 * accumulation,
            "tokens_per_micro_batch": None,
        }
    State.num_processes = 3
    with pytest.raises(UserError, match="8192 rollouts do not part into 8 updates on 3 ranks"):
        trainer_config.batch_settings(recipe)
    with pytest.raises(UserError, match=r"`batch` sets trainer\.steps_per_generation; remove either"):
        trainer_config.trainer_config(
            parse_recipe({**recipe.to_dict(), "trainer": {"steps_per_generation": 2}}), tmp_path, 8
        )
