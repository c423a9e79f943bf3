"""A LoRA adapter trained by a recipe: only it changes, and everything that takes a model takes it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from peft import AutoPeftModelForCausalLM, PeftModel, get_peft_model
from safetensors.torch import load_file
from small_runs import RECIPE
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from trl.trainer.utils import add_fused_lm_head

from experiments.killing.processes import import_ahead, log_of, training
from experiments.killing.same import differences
from rl.cli import run_command
from rl.errors import UserError
from rl.evaluation import Evaluation
from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.merging import fold
from rl.models import base_of, load_config, load_model, load_tokenizer, resolve_model
from rl.recipe.files import load_recipe
from rl.recipe.parts import LoraPart
from rl.recipe.trainer_config import trainer_config
from rl.recipe.values import parse_recipe
from rl.release import Wanted, release
from rl.run.dry_run import dry_run
from rl.run.train import train
from rl.trainer.lora import peft_config, require_lora, skeleton, start_from, trainable

DEMO = resolve_model("demo")
LORA = {"rank": 4, "alpha": 8.0, "target_modules": ["q_proj", "down_proj"]}
SMALL = [
    "trainer.max_steps=6", "trainer.save_steps=2", "trainer.logging_steps=3", "trainer.per_device_train_batch_size=8",
    "trainer.num_generations=4", "data.train.options.n=24", "data.eval.options.n=8", "evaluation.budget=40",
    "budget.tokens=60",
]  # fmt: skip


def recipe_file(folder: Path, **changes: Any) -> str:
    path = folder / "adapted.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, "name": "adapted", "lora": LORA, **changes}))
    return str(path)


def run_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_command(list(arguments))
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """One for all: a test that changes it takes a copy."""
    folder = tmp_path_factory.mktemp("lora")
    return train(
        recipe_file(folder, trainer={**RECIPE["trainer"], "learning_rate": 1e-2}), out=folder / "run", quiet=True
    )


def logits(model: Any) -> Tensor:
    torch.manual_seed(0)
    with torch.no_grad():
        return model(torch.randint(4, 400, (4, 24))).logits  # type: ignore[no-any-return]


def weights(model: Any) -> dict[str, Tensor]:
    """Copies, by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("settings", [{}, {"tokens_per_micro_batch": 150}, {"sequence_chunk": 8}, {"beta": 0.1}])
def test_only_the_adapter_changes(make_trainer: Any, settings: dict[str, Any]) -> None:
    trainer = make_trainer(peft_config=peft_config(LoraPart(rank=4)), learning_rate=1e-2, max_steps=4, **settings)
    before = weights(trainer.model)
    trainer.train()
    changed = {name for name, value in weights(trainer.model).items() if not torch.equal(value, before[name])}
    assert changed
    assert all(".lora_" in name for name in changed)
    assert trainer.ref_model is None


def test_every_option_acts(make_trainer: Any) -> None:
    def adapted(**options: Any) -> PeftModel:
        return skeleton(DEMO, LoraPart(**options))  # type: ignore[return-value]

    def layer(model: PeftModel) -> Any:
        return model.get_base_model().model.layers[0].self_attn.q_proj

    assert trainable(skeleton(DEMO, None)) == (133_440, 133_440)
    # A and B of rank r for each layer of `in` to `out`: r (in + out); four projections of 64 to 64, three of 64 to 192.
    assert trainable(adapted(rank=2)) == (2 * 2 * (4 * 128 + 3 * 256), 133_440 + 2 * 2 * (4 * 128 + 3 * 256))
    assert trainable(adapted(rank=2, target_modules=["q_proj"]))[0] == 2 * 2 * 128
    assert trainable(adapted(rank=2, target_modules=["q_proj"], modules_to_save=["model.norm"]))[0] == 2 * 2 * 128 + 64
    assert layer(adapted(rank=4, alpha=6)).scaling == {"default": 1.5}
    assert layer(adapted(rank=4, alpha=6, rslora=True)).scaling == {"default": 3.0}
    assert layer(adapted(dropout=0.25)).lora_dropout["default"].p == 0.25


def test_modules_that_are_trained_whole_change_and_are_folded(make_trainer: Any, tmp_path: Path) -> None:
    part = LoraPart(rank=2, target_modules=["q_proj"], modules_to_save=["model.norm"])
    trainer = make_trainer(peft_config=peft_config(part), learning_rate=1e-2)
    trainer.train()
    trainer.save_model(str(tmp_path / "adapter"))
    record = fold(DEMO, str(tmp_path / "adapter"), tmp_path / "whole")
    assert (record["adapted"], record["whole"]) == (2, 1)
    whole = load_model(str(tmp_path / "whole"))
    assert not torch.equal(whole.model.norm.weight, load_model(DEMO).model.norm.weight)
    assert (logits(whole) - logits(load_model(str(tmp_path / "adapter")))).abs().max() < 1e-4


def refusal(tmp_path: Path, model: str = DEMO, **changes: Any) -> str:
    recipe = parse_recipe({**load_recipe("demo-dler").to_dict(), "name": "r", "lora": {}, **changes})
    with pytest.raises(UserError) as error:
        require_lora(recipe, trainer_config(recipe, tmp_path, 80), model)
    return str(error.value)


@pytest.mark.parametrize(
    ("lora", "message"),
    [
        ({"rank": 0}, "r: lora.rank must be at least 1, not 0"),
        ({"alpha": 0}, "r: lora.alpha must be above 0, not 0.0"),
        ({"dropout": 1}, "r: lora.dropout must be at least 0 and below 1, not 1.0"),
        ({"target_modules": ["q_prj"]}, "lora: Target modules {'q_prj'} not found in the base model."),
        ({"target_modules": ["q_proj", "lm_head"]}, "lora.target_modules: lm_head cannot be adapted"),
        ({"target_modules": ["embed_tokens"]}, "lora.target_modules: model.embed_tokens cannot be adapted"),
        ({"modules_to_save": ["nrm"]}, "lora.modules_to_save: the model has no module 'nrm'"),
        ({"modules_to_save": ["embed_tokens"]}, "lora.modules_to_save: input embedding and LM head are one"),
    ],
)
def test_an_adapter_that_could_not_be_trained_is_refused_before_anything_is_written(
    tmp_path: Path, lora: dict[str, Any], message: str
) -> None:
    assert refusal(tmp_path, lora=lora).startswith(message)


def test_what_an_engine_could_not_sample_from_is_refused(tmp_path: Path) -> None:
    workers = {"engine": "workers", "workers": ["http://127.0.0.1:1"]}
    assert "lora.modules_to_save does not go with rollouts.engine: workers" in refusal(
        tmp_path, lora={"modules_to_save": ["model.norm"]}, rollouts=workers
    )
    assert "vLLM takes adapters up to rank 512, not 600" in refusal(tmp_path, lora={"rank": 600}, rollouts=workers)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what is missing without CUDA")
@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_quantisation_without_cuda_is_one_line(tmp_path: Path, kind: str) -> None:
    assert refusal(tmp_path, lora={"quantize": kind}) == f"lora.quantize: {kind} needs CUDA; remove it here"


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_a_quantised_model_trains_an_adapter(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("bitsandbytes")
    lora = {"rank": 8, "quantize": kind}
    run = train(recipe_file(tmp_path, lora=lora), out=tmp_path / "run", quiet=True)
    assert load_file(run.final / "adapter_model.safetensors")
    assert Evaluation.load(run.evaluation("after")).rows
    assert base_of(str(run.final)) == DEMO


def test_the_dry_run_says_how_many_parameters_train(tmp_path: Path) -> None:
    (estimate,) = dry_run(recipe_file(tmp_path)).estimates.values()
    assert estimate.setup.trained == trainable(skeleton(DEMO, LoraPart(**LORA)))[0] == 3_072  # type: ignore[arg-type]


# A run's folder -------------------------------------------------------------------------------


def test_a_run_ends_with_an_adapter_that_is_a_model_wherever_one_goes(run: RunFolder, tmp_path: Path) -> None:
    final = str(run.final)
    assert not (run.final / "config.json").exists()
    assert resolve_model(final) == final
    assert base_of(final) == DEMO
    assert (load_config(final).vocab_size, len(load_tokenizer(final))) == (416, 416)
    model = load_model(final)
    assert isinstance(model, PeftModel)
    assert (logits(model) - logits(load_model(DEMO))).abs().max() > 1e-2
    plain = AutoPeftModelForCausalLM.from_pretrained(final, dtype=torch.float32)
    assert torch.equal(logits(model), logits(plain))


def test_an_adapter_merged_on_the_disk_gives_its_logits(run: RunFolder, tmp_path: Path) -> None:
    assert (
        run_of("merge", "--method", "lora", "--base", "demo", "--trained", str(run.final), "--out", str(tmp_path / "m"))
        == 0
    )
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "m", dtype=torch.float32)
    adapted = logits(load_model(str(run.final)))
    assert (logits(merged) - adapted).abs().max() <= 1e-5 * adapted.abs().max()


def test_evaluate_gives_for_the_adapters_folder_what_the_run_measured(run: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(run.path, copy.path)
    assert run_of("evaluate", "--run", str(copy.path), "--checkpoint", "all") == 0
    own, again = (
        Evaluation.load(copy.evaluation("after")),
        Evaluation.load(copy.path / "evaluation" / "checkpoint-4.parquet"),
    )
    assert [row["token_ids"] for row in again.rows] == [row["token_ids"] for row in own.rows]
    out = tmp_path / "by-model.parquet"
    assert (
        run_of(
            "evaluate", "--model", str(run.final), "--data", "demo", "--limit", "4", "--cap", "40", "--out", str(out)
        )
        == 0
    )
    assert len(Evaluation.load(out).rows) == 4
    assert run_of("compare", str(copy.path), str(run.path), "--out", str(tmp_path / "compared")) == 0


def test_a_missing_base_is_named(run: RunFolder, tmp_path: Path) -> None:
    moved = tmp_path / "final"
    shutil.copytree(run.final, moved)
    config = json.loads((moved / "adapter_config.json").read_text())
    for name, message in (
        ("/not/there", "needs its base model /not/there, which is not there"),
        (None, "names no base model"),
        (str(run.final), "is an adapter itself: fold it"),
    ):
        (moved / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": name}))
        with pytest.raises(UserError, match=message):
            load_model(str(moved))


def test_a_run_is_released_folded_or_as_an_adapter_and_loads_with_plain_libraries(
    run: RunFolder, tmp_path: Path
) -> None:
    release(run, Wanted("mit"), tmp_path / "folded")
    release(run, Wanted("mit", adapter=True, base="someone/base"), tmp_path / "adapter")
    expected = logits(load_model(str(run.final)))
    folded = AutoModelForCausalLM.from_pretrained(tmp_path / "folded", dtype=torch.float32)
    adapter = PeftModel.from_pretrained(load_model(DEMO), tmp_path / "adapter")
    assert (logits(folded) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert torch.equal(logits(adapter), expected)
    assert "**demo**" in (tmp_path / "folded" / "README.md").read_text()
    assert "A LoRA adapter of **someone/base**" in (tmp_path / "adapter" / "README.md").read_text()


# Going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [
        LoraPart(rank=4),
        pytest.param(LoraPart(rank=4, dropout=0.1), marks=pytest.mark.slow),
        LoraPart(rank=4, modules_to_save=["model.norm"]),
    ],
)
def test_a_resumed_adapter_equals_the_unbroken_one(make_trainer: Any, tmp_path: Path, part: LoraPart) -> None:
    def trained(folder: str, resume: Path | None = None) -> Any:
        trainer = make_trainer(
            peft_config=peft_config(part), max_steps=8, save_strategy="steps", save_steps=2,
            output_dir=str(tmp_path / folder), learning_rate=1e-3, beta=0.05, save_total_limit=4,
        )  # fmt: skip
        trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
        return trainer

    unbroken = trained("unbroken")
    shutil.copytree(tmp_path / "unbroken" / "checkpoint-4", tmp_path / "broken" / "checkpoint-4")
    resumed = trained("broken", checkpoints.latest(tmp_path / "broken"))
    one, two = weights(unbroken.model), weights(resumed.model)
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_a_stage_that_goes_on_with_an_adapter_resumes_with_it_and_with_its_reference(
    run: RunFolder, tmp_path: Path
) -> None:
    trainer = {**RECIPE["trainer"], "beta": 0.2, "learning_rate": 1e-2}
    file = recipe_file(tmp_path, model=str(run.final), trainer=trainer)
    unbroken = train(file, out=tmp_path / "unbroken", quiet=True)
    broken = RunFolder(tmp_path / "broken")
    shutil.copytree(unbroken.path, broken.path)
    assert (broken.checkpoints / "checkpoint-2" / "ref" / "adapter_model.safetensors").is_file()
    for path in (broken.final, broken.report, broken.checkpoints / "checkpoint-4"):
        shutil.rmtree(path)
    broken.evaluation("after").unlink()
    train(file, out=broken.path, quiet=True)
    assert [name for name in differences(unbroken, broken) if not name.startswith("history")] == []


def test_a_resumed_adapter_in_half_precision_stays_so(make_trainer: Any, tmp_path: Path) -> None:
    """As TRL makes it on a quantised model."""

    def trained(folder: str, resume: Path | None = None) -> Any:
        trainer = make_trainer(
            peft_config=peft_config(LoraPart(rank=4)), max_steps=4, save_strategy="steps", save_steps=2,
            output_dir=str(tmp_path / folder), learning_rate=1e-2,
        )  # fmt: skip
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.bfloat16()
        trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
        return trainer

    unbroken = trained("unbroken")
    shutil.copytree(tmp_path / "unbroken" / "checkpoint-2", tmp_path / "broken" / "checkpoint-2")
    one, two = weights(unbroken.model), weights(trained("broken", checkpoints.latest(tmp_path / "broken")).model)
    assert all(value.dtype == two[name].dtype and torch.equal(value, two[name]) for name, value in one.items())


@pytest.mark.slow
def test_kill_9_leaves_no_trace_on_a_run_with_an_adapter(tmp_path: Path) -> None:
    command = training("demo-dler-lora", SMALL)
    import_ahead()
    unbroken, broken = RunFolder(tmp_path / "unbroken"), RunFolder(tmp_path / "broken")
    command.finish(unbroken.path)
    moments: list[Callable[[], bool]] = [
        lambda: checkpoints.latest(broken.checkpoints) is not None,
        broken.final.exists,
    ]
    assert all(command.kill(broken.path, due) for due in moments)
    command.finish(broken.path)
    assert "goes on from checkpoint-" in log_of(broken.path).read_text()
    assert differences(unbroken, broken) == []


@pytest.mark.slow
def test_a_stage_goes_on_with_the_adapter_of_the_one_before_it(tmp_path: Path) -> None:
    trainer = {**RECIPE["trainer"], "max_steps": 2, "beta": 0.05, "learning_rate": 1e-3}
    stages = [
        {"name": "one"},
        {"name": "two", "budget": {"tokens": 40}, "lora": {"dropout": 0.1}},
        {"name": "whole", "lora": None},
    ]
    run = train(recipe_file(tmp_path, trainer=trainer, stages=stages), out=tmp_path / "run", quiet=True)
    one, two, whole = (run.stage(place, stage["name"]).final for place, stage in enumerate(stages, 1))
    assert base_of(str(one)) == base_of(str(two)) == DEMO
    assert {path.name for path in two.glob("*")}.isdisjoint({"ref"})
    ours, theirs = (load_file(final / "adapter_model.safetensors") for final in (two, one))
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)
    assert max((ours[name] - theirs[name]).abs().max() for name in ours) < 1e-2
    assert (whole / "model.safetensors").is_file()
    # One step from the folded model: Adam moves no parameter by more than about the learning rate.
    assert run.stage(3, "whole").logged()[0]["kl"] == 0.0  # from there, too, the KL term is measured
    folded = load_model(str(two)).merge_and_unload()
    after = weights(load_model(str(whole)))
    moved = [(after[name] - value).abs().max() for name, value in weights(folded).items()]
    assert 0 < max(moved) < 1e-2


def test_stages_with_adapters_of_two_kinds_are_refused_before_the_first(tmp_path: Path) -> None:
    stages = [{"name": "one"}, {"name": "two", "lora": {"rank": 2}}]
    with pytest.raises(UserError, match=r"adapted-two: lora\.rank is 2, and adapted-one ends with an adapter of 4"):
        train(recipe_file(tmp_path, stages=stages), out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_an_adapter_of_another_kind_is_not_gone_on_with(run: RunFolder, tmp_path: Path) -> None:
    message = refusal(tmp_path, str(run.final), lora={**LORA, "rank": 8})
    assert message.startswith(f"the adapter {run.final} has r 4, and the recipe's lora has 8")
    model, config = start_from(str(run.final), LoraPart(**{**LORA, "dropout": 0.5}), {})  # type: ignore[arg-type]
    assert config is None
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {
        name for name, _ in model.named_parameters() if ".lora_" in name
    }
    assert any(module.p == 0.5 for module in model.modules() if isinstance(module, torch.nn.Dropout))


def test_a_whole_model_starts_from_an_adapter_folded(run: RunFolder) -> None:
    model, config = start_from(str(run.final), None, {})
    assert config is None
    assert trainable(model) == (133_440, 133_440)
    assert (logits(model) - logits(load_model(str(run.final)))).abs().max() < 1e-4


def test_an_untied_head_that_is_trained_whole_gets_the_gradient_of_the_fused_log_probs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**{**load_config(DEMO).to_dict(), "tie_word_embeddings": False})).save_pretrained(
        tmp_path
    )
    part = LoraPart(rank=2, modules_to_save=["lm_head"])
    assert trainable(skeleton(str(tmp_path), part))[0] == 2 * 2 * (4 * 128 + 3 * 256) + 416 * 64
    adapted = get_peft_model(load_model(str(tmp_path)), peft_config(part))
    add_fused_lm_head(adapted.get_base_model(), temperature=1.0, outputs=("log_probs",))
    ids = torch.randint(4, 400, (2, 8))
    adapted(input_ids=ids, labels=ids, fused_lm_head=True).log_probs.sum().backward()
    head = adapted.get_base_model().lm_head
    assert head.modules_to_save["default"].weight.grad.abs().max() > 0
    assert head.original_module.weight.grad is None


def test_a_recipe_trains_the_whole_model_unless_it_has_lora() -> None:
    assert load_recipe("demo-dler").lora is None
    assert load_recipe("demo-dler", ["lora.rank=4"]).lora == LoraPart(rank=4)
