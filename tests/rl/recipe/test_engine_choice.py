"""Which engine `rollouts.engine: auto` is."""

import pytest

from rl.recipe.engine_choice import Machine, choose, with_engine
from rl.recipe.files import load_recipe

GPU, BARE_GPU, CPU = Machine(True, True), Machine(True, False), Machine(False, True)


@pytest.mark.parametrize(
    ("machine", "overrides", "engine", "why"),
    [
        (GPU, [], "vllm", "the choice on CUDA, where vLLM is installed"),
        (BARE_GPU, [], "transformers", "vLLM is not installed: pip install 'lengthwise[vllm]'"),
        (CPU, [], "transformers", "there is no CUDA device"),
        (CPU, ["rollouts.engine=vllm"], "vllm", "as the recipe says"),
        (GPU, ["rollouts.engine=transformers"], "transformers", "as the recipe says"),
        (GPU, ["lora.quantize=nf4"], "transformers", "vLLM does not take lora.quantize"),
        (GPU, ["lora.modules_to_save=[embed_tokens]"], "transformers", "vLLM does not take lora.modules_to_save"),
        (GPU, ["trainer.top_p=0.9"], "transformers", "cannot be corrected under trainer.top_p"),
        (GPU, ["trainer.top_p=0.9", "trainer.vllm_importance_sampling_correction=false"], "vllm", "CUDA"),
        (GPU, ["trainer.top_p=1.0"], "vllm", "CUDA"),
    ],
)
def test_the_engine_is_what_the_machine_and_the_recipe_allow(
    machine: Machine, overrides: list[str], engine: str, why: str
) -> None:
    recipe = load_recipe("demo-dler", overrides)
    found = choose(recipe, machine)
    assert found.engine == engine
    assert why in found.why
    assert with_engine(recipe, machine).rollouts.engine == engine
