"""What stands under `trainer` is checked before a model is looked at."""

from __future__ import annotations

import inspect
import typing
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import GRPOTrainer

from rl.errors import UserError
from rl.recipe.config import field_types
from rl.recipe.declared import declared_types
from rl.recipe.files import load_recipe
from rl.recipe.trainer_config import trainer_config
from rl.recipe.trainer_values import NARROWED


def config(*overrides: str) -> object:
    return trainer_config(load_recipe("demo-grpo", overrides), Path("out"), 80)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("trainer.gradient_checkpointing=off", "trainer.gradient_checkpointing: Input should be a valid boolean"),
        ("trainer.bf16=no", "trainer.bf16: Input should be a valid boolean"),
        ("trainer.chat_template_kwargs={enable_thinking: no}", "trainer.chat_template_kwargs.enable_thinking: 'no' is"),
        ("trainer.chat_template_kwargs='{\"enable_thinking\": false}'", "trainer.chat_template_kwargs: Input should be"),
        ("trainer.model_init_kwargs={use_cache: 'false'}", "trainer.model_init_kwargs.use_cache: 'false' is a text"),
        ("trainer.learning_rate='1e-6'", "trainer.learning_rate: Input should be a valid number"),
        ("trainer.learning_rate=null", "trainer.learning_rate: Input should be a valid number, not null"),
        ("trainer.learning_rate=.nan", "trainer.learning_rate: Input should be a finite number"),
        ("trainer.learning_rate=0", "trainer.learning_rate: Input should be greater than 0, not 0"),
        ("trainer.weight_decay=.inf", "trainer.weight_decay: Input should be a finite number"),
        ("trainer.max_steps=1e1", "trainer.max_steps: Input should be a valid integer, not 10.0; write 10"),
        ("trainer.max_steps=0", "trainer.max_steps: Input should be greater than or equal to 1, not 0"),
        ("trainer.temperature=0", "trainer.temperature: Input should be greater than 0"),
        ("trainer.top_p=95%", "trainer.top_p: Input should be a valid number"),
        ("trainer.top_k=null", "trainer.top_k: Input should be a valid integer, not null"),
        ("trainer.num_generations=0", "trainer.num_generations: Input should be greater than or equal to 1"),
        ("trainer.keep_steps=30", r"keep_steps (30) is no multiple of save_steps (20, whole rounds)"),
        ("trainer.save_strategy=best", "trainer.save_strategy: Input should be 'steps' or 'no', not 'best'"),
        ("trainer.loss_type=drgrpo", "trainer.loss_type: Input should be 'grpo', 'dr_grpo'"),
        ("trainer.optim=adamw_tourch", "unknown trainer.optim 'adamw_tourch' in demo-grpo; did you mean 'adamw_torch'?"),
        ("trainer.optim=adamw_8bit", "trainer.optim, lr_scheduler_type: ImportError"),
        ("trainer.lr_scheduler_type=cosin", "did you mean 'cosine'?"),
        ("trainer.lr_scheduler_type=cosine_with_min_lr", "One of min_lr or min_lr_rate should be set"),
        ("trainer={lr_scheduler_type: cosine, lr_scheduler_kwargs: {nope: 1}, num_generations: 8}", "unexpected keyword argument 'nope'"),
        ("trainer.report_to=wanddb", "unknown reporter 'wanddb'"),
        ("trainer.report_to=[mlflow]", "mlflow is not installed; pip install mlflow"),
        ("trainer.logging_steps=2000", "nothing would be logged; lower it"),
        ("trainer.eval_on_start=true", "use evaluation.before"),
        ("trainer.deepspeed=nowhere.json", "demo-grpo: "),
    ],
)  # fmt: skip
def test_a_value_that_would_end_the_run_later_is_refused_in_one_line(override: str, words: str) -> None:
    needed = {"trainer.optim=adamw_8bit": "bitsandbytes", "trainer.report_to=[mlflow]": "mlflow"}.get(override)
    if needed and find_spec(needed):
        pytest.skip(f"{needed} is here")
    with pytest.raises(UserError) as error:
        config(override)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert not is_deepspeed_zero3_enabled()  # nothing is left behind for the next model


@pytest.mark.parametrize(
    "override",
    [
        "trainer.save_strategy=no", "trainer.report_to=none", "trainer.optim=adafactor", "trainer.optim=sgd",
        "trainer.lr_scheduler_type=cosine", "trainer.weight_decay=0", "trainer.epsilon_high=null",
        "trainer.lr_scheduler_kwargs={num_cycles: 0.5}",
    ],
)  # fmt: skip
def test_a_value_that_can_be_is_taken(override: str) -> None:
    more = ["trainer.lr_scheduler_type=cosine"] if "cycles" in override else []
    assert config(override, *more)


def test_the_losses_and_levels_are_those_of_trl() -> None:
    source = inspect.getsource(GRPOTrainer)
    for key in ("loss_type", "importance_sampling_level", "vllm_importance_sampling_mode"):
        names = typing.get_args(NARROWED[key])
        assert [name for name in names if f'"{name}"' not in source] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nmodel: b\nname: c\n", "key 'name' is given twice, again in line 3; remove one"),
        ("name: a\ntrainer: {max_steps: 1, max_steps: 2}\n", "key 'max_steps' is given twice, again in line 2"),
        ("name: a\n3: b\n", "key 3 in line 2 is no text; put it in quotes"),
        ("name: [\n", "is not YAML"),
    ],
)
def test_a_recipe_file_that_cannot_be_meant_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        load_recipe(str(file))
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sampling.dynamic=no", "sampling.dynamic: Input should be a valid boolean, not 'no'; write true or false"),
        ("evaluation.before='false'", "evaluation.before: Input should be a valid boolean"),
        ("rewards.0.weight=.nan", "rewards.0.weight: Input should be a finite number"),
        ("budget=null", "budget: Input should be an object, not null"),
        ("budget.cap_factor=.inf", "budget.cap_factor: Input should be a finite number"),
        ("batch={groups: 2, updates: 0}", "batch.updates: Input should be greater than or equal to 1"),
        ("batch={groups: 2, per_device: 0}", "batch.per_device: Input should be greater than or equal to 1"),
        ("rollouts.batch_size=0", "rollouts.batch_size: Input should be greater than or equal to 1"),
        ("lora={rank: '8'}", "lora.rank: Input should be a valid integer, not '8'"),
        ("seed=-1", "seed: Input should be greater than or equal to 0"),
    ],
)
def test_a_part_of_a_recipe_takes_values_of_its_types_alone(override: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        load_recipe("demo-grpo", [override])
    assert words in str(error.value)


def test_the_source_declares_what_the_configuration_is_made_of() -> None:
    real, declared = field_types(), declared_types()
    assert declared.keys() == real.keys()
    assert {name for name in real if declared[name] not in (real[name], object)} == set()
    assert sum(kind is object for kind in declared.values()) < 12
