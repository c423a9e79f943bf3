"""Every shipped recipe: the papers' are made ready with stand-ins for hub names, the demo's run to their reports."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from slowly import some

from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.parts import Recipe
from rl.recipe.values import merge, parse_recipe, stages_of
from rl.run.prepare import prepare, resolve
from rl.run.train import train

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
PAPERS = [name for name, path in shipped_recipes().items() if path.parent.name == "papers"]
TWINS = [name for name in shipped_recipes() if name.startswith("demo-")]

SHORT = [f"demo-{name}" for name in ("gfpo", "laser-d", "kimi", "dler-lora", "brpo", "elastic")]
"""Twins that are run in the short tests, too: an estimator, a monitor, stages, an adapter, branches with their credit,
a split budget."""


def stand_in(part: str, groups: int = 0) -> dict[str, Any]:
    count = {"train": max(1024, groups), "eval": 16, "monitor": 8}[part]
    split = {"train": "train", "eval": "test", "monitor": "validation"}[part]
    return {"source": "demo", "options": {"split": split, "n": count, "seed": 0}}


def without_hub(values: dict[str, Any]) -> dict[str, Any]:
    """The recipe's values with the embedded model and problems for those that a hub holds."""
    data = values.get("data", {})
    groups = (values.get("batch") or {}).get("groups", 0)
    sources = {part: stand_in(part, groups) for part in ("train", "eval", "monitor") if data.get(part)}
    swapped = merge(values, {"data": sources} if sources else {})
    if "model" in values:
        swapped["model"] = "demo"
    return (
        {**swapped, "stages": [without_hub(stage) for stage in values.get("stages", [])]}
        if "name" in values
        else swapped
    )


@pytest.mark.parametrize("name", PAPERS)
def test_every_papers_recipe_is_ready_to_train(name: str, tmp_path: Path) -> None:
    values = load_recipe(name).to_dict()
    stages = [{k: v for k, v in without_hub(stage).items() if k != "stages"} for stage in values["stages"]]
    recipe = parse_recipe({**without_hub({**values, "stages": []}), "stages": stages})
    for _, stage in stages_of(recipe) or [("", recipe)]:
        prepared = prepare(stage, tmp_path)
        batch = stage.batch
        assert batch is not None, "a paper's batch should hold on any number of ranks"
        assert prepared.config.groups_per_round == batch.groups
        assert prepared.config.round_steps == batch.updates
        assert prepared.config.tokens_per_micro_batch == batch.tokens_per_micro_batch is not None
        assert not prepared.config.mask_truncated_completions, "it would delete the penalty for truncation"
        assert prepared.budgets.schedule.at(0) <= prepared.budgets.maximum
    assert list(tmp_path.iterdir()) == []


def test_siri_keeps_the_checkpoint_of_each_trough_and_crest(tmp_path: Path) -> None:
    found = resolve(load_recipe("siri"), tmp_path)
    config = found.config
    assert config.keep_steps is not None
    kept = range(config.keep_steps, config.max_steps + 1, config.keep_steps)
    assert all(step % config.save_steps == 0 for step in kept)
    assert [found.budgets.schedule.at(step) for step in kept] == [8192, 16384] * 3


ADAPTED = ["dler-lora", "dler-qlora", "one-gpu-24gb-lora", "one-gpu-80gb-lora"]


@pytest.mark.parametrize("name", [*ADAPTED, "one-gpu-24gb", "one-gpu-80gb", "art-1.7b", "art-4b", "art-8b"])
def test_a_recipe_with_an_adapter_for_one_gpu_or_for_a_larger_model_is_ready_to_train(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl.trainer.lora._require_quantization", lambda kind: None)  # no CUDA is needed to read it
    recipe = parse_recipe(without_hub(load_recipe(name).to_dict()))
    prepared = prepare(recipe, tmp_path)
    assert (prepared.recipe.lora is not None) == (name in ADAPTED)
    assert prepared.recipe.batch is not None
    assert prepared.config.groups_per_round == prepared.recipe.batch.groups


@pytest.mark.parametrize("name", PAPERS)
def test_every_papers_recipe_names_its_paper_and_has_a_twin_and_a_place_in_the_table(name: str) -> None:
    text = shipped_recipes()[name].read_text()
    assert re.search(r"arXiv[: ]\d{4}\.\d{5}|https?://", text.partition("\nname:")[0]), "no source in the first lines"
    assert f"demo-{name}" in TWINS
    table = (EXPERIMENTS / "PAPERS.md").read_text()
    assert f"recipes/papers/{name}.yaml" in table
    assert f"recipes/demo-{name}.yaml" in table


def small(recipe: Recipe) -> dict[str, Any]:
    """Overrides that make a demo recipe a matter of seconds, method untouched."""
    stages = [merge(stage, {"trainer": {"max_steps": 2}}) for stage in recipe.stages]
    few = {
        "per_device_train_batch_size": 2 * recipe.trainer["num_generations"],
        "steps_per_generation": 1 if recipe.trainer["steps_per_generation"] > 2 else 2,
        "max_steps": 4 if any(reward.name.startswith("laser-d") for reward in recipe.rewards) else 2,
        "save_steps": 2,
    }
    rewards = [{"name": r.name, "weight": r.weight, "term": r.term, **r.options} for r in recipe.rewards]
    for reward in rewards:
        if "interval" in reward:
            reward["interval"] = 2
    data = {"train": stand_in("train"), "eval": stand_in("eval")}
    data["train"]["options"]["n"] = 24
    if recipe.data.monitor:
        data["monitor"] = stand_in("monitor")
        data["monitor"]["options"]["n"] = 2
    return {
        "trainer": few,
        "stages": stages,
        "rewards": rewards,
        "data": data,
        "evaluation": {"budget": 60},
        "verifier": {"name": "math", "workers": 1},
    }


@pytest.mark.parametrize("name", some(TWINS, SHORT))
def test_every_demo_recipe_runs_to_its_report(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(merge(recipe.to_dict(), small(recipe))))
    run = train(str(file), out=tmp_path / "run", quiet=True)
    summary = json.loads(run.summary.read_text())
    steps = 2 * len(recipe.stages) or load_recipe(str(file)).trainer["max_steps"]
    assert summary["steps"] == steps
    assert summary["after"]["n"] == 16
    assert list(run.final.glob("*model.safetensors"))
    page = (run.report / "index.html").read_text()
    assert "<table" in page
    assert [line["step"] for line in run.logged()] == list(range(1, steps + 1))
    if recipe.stages:
        assert len(list((run.path / "stages").iterdir())) == len(recipe.stages)
