from pathlib import Path

import pytest
import yaml

from rl.errors import UserError
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.parts import Recipe
from rl.recipe.values import parse_recipe

MINIMAL = {
    "name": "r",
    "model": "demo",
    "data": {"train": "demo"},
    "rewards": ["correct"],
    "budget": {"name": "constant", "tokens": 8},
}


def test_short_forms_stand_for_long_ones() -> None:
    long = {
        **MINIMAL,
        "data": {"train": {"source": "demo"}},
        "rewards": [{"name": "correct", "weight": 1.0}],
    }
    assert parse_recipe(MINIMAL) == parse_recipe(long)


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_resolved_recipe_reads_back_as_itself(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert parse_recipe(yaml.safe_load(recipe.to_yaml())) == recipe


def test_options_of_a_plug_in_stand_beside_its_name() -> None:
    recipe = parse_recipe({**MINIMAL, "rewards": [{"name": "hapo", "weight": 0.5, "mode": "mean"}]})
    assert (recipe.rewards[0].weight, recipe.rewards[0].options) == (0.5, {"mode": "mean"})
    assert recipe.budget.options == {"tokens": 8}


def test_overrides_reach_every_part() -> None:
    recipe = load_recipe(
        "demo-dler",
        ["trainer.learning_rate=1e-6", "budget.tokens=64", "data.eval.options.n=32", "rewards.0.unfinished=0.1",
         "sampling.dynamic=false", "seed=3"],
    )  # fmt: skip
    assert recipe.trainer["learning_rate"] == 1e-6
    assert recipe.budget.options["tokens"] == 64
    assert recipe.data.eval is not None
    assert recipe.data.eval.options["n"] == 32
    assert recipe.rewards[0].options == {"unfinished": 0.1}
    assert (recipe.sampling.dynamic, recipe.seed) == (False, 3)


def with_(**changes: object) -> dict[str, object]:
    return {**MINIMAL, **changes}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (with_(sampling={"dynamc": True}), "unknown key 'sampling.dynamc' in recipe; did you mean 'sampling.dynamic'?"),
        (with_(modle="x"), "unknown key 'modle' in recipe; did you mean 'model'?"),
        (with_(data={"train": {"source": "x", "colums": {}}}), "unknown key 'data.train.colums' in recipe; did you mean 'data.train.columns'?"),
        ({k: v for k, v in MINIMAL.items() if k != "model"}, "recipe: key 'model' is missing; add it"),
        (with_(seed="many"), "recipe: seed: Input should be a valid integer"),
        (with_(rollouts={"engine": "magic"}), "recipe: rollouts.engine: Input should be 'auto'"),
    ],
)  # fmt: skip
def test_a_bad_key_or_value_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_recipe(values)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "is not of the form part.key=value"),
        ("rewards.5.weight=1", "'5' is no index into a list of 1"),
        ("seed.x=1", "'seed' has no keys below it"),
    ],
)
def test_a_bad_override_is_named(tmp_path: Path, override: str, message: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(yaml.safe_dump({**MINIMAL, "seed": 1}))
    with pytest.raises(UserError, match=message):
        load_recipe(str(file), [override])


def test_numbers_in_scientific_notation_are_numbers(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(yaml.safe_dump(MINIMAL) + "trainer: {learning_rate: 1e-6, epsilon: 2E-1, run_name: 1e}\n")
    assert load_recipe(str(file)).trainer == {"learning_rate": 1e-6, "epsilon": 0.2, "run_name": "1e"}


def test_no_is_a_word_and_false_is_not(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(MINIMAL) + "trainer: {save_strategy: no, gradient_checkpointing: false}\n")
    assert load_recipe(str(file)).trainer == {"save_strategy": "no", "gradient_checkpointing": False}
    assert load_recipe(str(file), ["trainer.save_strategy=no"]).trainer["save_strategy"] == "no"


def test_the_demo_arms_differ_from_the_control_only_in_the_method() -> None:
    def compute(recipe: Recipe) -> dict[str, object]:
        shared = dict(recipe.trainer)
        shared.pop("epsilon_high", None)
        return shared

    control = load_recipe("demo-grpo")
    for name in ("demo-dler", "demo-hapo"):
        arm = load_recipe(name)
        assert compute(arm) == compute(control)
        assert (arm.model, arm.data.eval, arm.evaluation) == (control.model, control.data.eval, control.evaluation)


def test_an_override_that_is_no_list_is_refused_and_not_taken_letter_by_letter() -> None:
    with pytest.raises(
        TypeError, match=r"overrides must be a list of texts, not one text; put it in brackets: \['name=x'\]"
    ):
        load_recipe("demo-grpo", "name=x")
