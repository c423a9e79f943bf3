"""Parameter counts, by the formula and of real models."""

import pytest
from transformers import AutoConfig

from rl.estimates.shapes import counted, known_config, known_models, shape_of
from rl.models import load_config, load_model, resolve_model
from rl.recipe.files import load_recipe, shipped_recipes

PUBLISHED = {
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": 1_777_088_000,
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "Qwen/Qwen2.5-32B": 32_763_876_352,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "microsoft/Phi-4-reasoning": 14_659_507_200,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
}


@pytest.mark.parametrize("name", known_models())
def test_the_formula_counts_what_a_transformers_model_of_that_shape_has(name: str) -> None:
    config = known_config(name)
    assert config is not None
    shape = shape_of(config)
    assert shape.other == 0
    assert shape.parameters == counted(config)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_table_gives_the_published_number_of_parameters(name: str) -> None:
    config = known_config(name)
    assert config is not None
    assert shape_of(config).parameters == PUBLISHED[name]


def test_every_model_of_a_paper_recipe_is_in_the_table() -> None:
    papers = [name for name, path in shipped_recipes().items() if path.parent.name == "papers"]
    assert papers
    assert {load_recipe(name).model for name in papers} <= set(known_models())


def test_a_model_that_is_here_is_counted_from_its_own_configuration() -> None:
    demo = resolve_model("demo")
    assert shape_of(load_config(demo)).parameters == load_model(demo).num_parameters()


@pytest.mark.parametrize("family", ["gemma", "cohere", "olmo2", "mixtral"])
def test_a_family_that_the_formula_does_not_know_is_counted_all_the_same(family: str) -> None:
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = AutoConfig.for_model(family, **small, intermediate_size=64, vocab_size=96, pad_token_id=0)
    assert shape_of(config).parameters == counted(config)


def test_an_adapter_has_two_narrow_matrices_a_linear_map() -> None:
    shape = shape_of(load_config(resolve_model("demo")))
    both = sum(sum(size) for name, size in shape.linears().items() if name in ("q_proj", "v_proj"))
    assert shape.adapter_parameters(4, ["q_proj", "v_proj"]) == shape.layers * 4 * both
