"""Models, templates and prompts that a run could not use are found before anything is loaded or written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, GPT2Config, Qwen3Config, Qwen3MoeConfig, Qwen3VLConfig
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig

from rl.errors import UserError
from rl.models import context_of, resolve_model
from rl.prompts import encode_prompts
from rl.recipe.files import load_recipe
from rl.run.dry_run import dry_run
from rl.run.prepare import prepare, resolve
from rl.run.train import train

DEMO = Path(resolve_model("demo"))
SIZES = {
    "vocab_size": 416, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
RECIPE = """
name: t
model: {model}
data: {{train: rows.jsonl}}
rewards: [correct]
budget: {{name: constant, tokens: 40}}
trainer: {{num_generations: 4, per_device_train_batch_size: 8, gradient_checkpointing: false, max_steps: 1}}
"""


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows(lambda i: {"problem": f"{i}+1=?", "answer": str(i + 1)})


def rows(make: Callable[[int], dict[str, Any]], name: str = "rows.jsonl") -> None:
    Path(name).write_text("".join(json.dumps(make(i)) + "\n" for i in range(8)))


def model(template: str | None = "", **changes: dict[str, Any]) -> str:
    """The demo model with a head before its template (None: without one) and keys of its files changed."""
    shutil.copytree(DEMO, "m", dirs_exist_ok=True)
    file = Path("m/chat_template.jinja")
    if template is None:
        file.unlink()
    else:
        file.write_text(template + (DEMO / "chat_template.jinja").read_text())
    for stem, change in changes.items():
        file = Path("m", f"{stem}.json")
        values = {**json.loads(file.read_text()), **change}
        file.write_text(json.dumps({k: v for k, v in values.items() if v is not ...}))
    return "./m"


def made(config: Any) -> str:
    """A model's folder without its weights, which nothing here may look at."""
    config.save_pretrained("m")
    AutoTokenizer.from_pretrained(DEMO).save_pretrained("m")
    return "./m"


def refusal(name: str, *overrides: str) -> str:
    """What a dry run and the run say, which is the same; neither leaves a folder."""
    Path("t.yaml").write_text(RECIPE.format(model=name))
    said = []
    for look in (lambda: dry_run("t.yaml", overrides), lambda: train("t.yaml", overrides, quiet=True)):
        with pytest.raises(UserError) as error:
            look()
        said.append(str(error.value))
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 1
    assert not Path("runs").exists()
    return said[0]


NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"


def test_a_template_that_refuses_a_system_turn() -> None:
    said = refusal(model(NO_SYSTEM), "data.prompt.system=Be brief.")
    assert "the chat template of m refuses a prompt ('0+1=?')" in said
    assert "System role not supported; where it takes no system turn, say it in data.prompt.template" in said


def test_a_tokenizer_without_an_end_token() -> None:
    assert "has no end token" in refusal(model(tokenizer_config={"eos_token": ...}, config={"eos_token_id": None}))


def test_chats_without_a_chat_template() -> None:
    rows(lambda i: {"prompt": [{"role": "user", "content": f"{i}+1=?"}], "answer": str(i + 1)})
    assert "has no chat template" in refusal(model(None))


def test_a_prompt_and_its_budget_beyond_the_context() -> None:
    rows(lambda i: {"problem": "1+" * 600 + f"{i}=?", "answer": str(i)})
    assert "the largest budget (40) need" in refusal("demo")
    rows(lambda i: {"problem": f"{i}+1=?", "answer": str(i + 1)})
    evaluation = refusal("demo", "data.eval=rows.jsonl", "evaluation.budget=2000")
    assert "t, evaluation: the longest prompt" in evaluation
    Path("t.yaml").write_text(RECIPE.format(model="demo"))  # nobody chose 1,024 tokens
    prepared = prepare(load_recipe("t.yaml", ["data.eval=rows.jsonl"]), Path("runs/t"))
    assert prepared.eval
    longest = max(map(len, encode_prompts(prepared.tokenizer, prepared.eval.problems)))
    assert prepared.recipe.evaluation.budget == 1024 - longest
    learned = made(GPT2Config(vocab_size=416, n_embd=32, n_layer=2, n_head=4, n_positions=48, eos_token_id=2))
    assert "and the model has 48; shorten" in refusal(learned)


def test_tokens_that_the_model_does_not_know() -> None:
    sizes = {**SIZES, "vocab_size": 16}
    assert "and the model knows 16; take the model's own tokenizer" in refusal(made(Qwen3Config(**sizes)))


def test_a_multimodal_model() -> None:
    ropes = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1], "mrope_interleaved": True}
    text = Qwen3VLTextConfig(**SIZES, rope_parameters=ropes)
    config = Qwen3VLConfig(text_config=text.to_dict(), vision_config={"depth": 1, "hidden_size": 16})
    assert "Qwen3VLConfig, no causal language model that answers by text alone" in refusal(made(config))


def test_experts_that_no_adapter_fits_on_and_no_packing() -> None:
    config = Qwen3MoeConfig(**SIZES, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16)
    said = refusal(made(config), "lora={rank: 2}")
    assert "mlp.experts cannot be adapted" in said
    assert "name such, as [k_proj, o_proj, q_proj, v_proj]" in said
    packed = ("batch={groups: 2, tokens_per_micro_batch: 1000}", "trainer={num_generations: 4, max_steps: 1}")
    assert "router's auxiliary loss" in refusal(made(config), *packed)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{dtype: bfloat17}", "model_init_kwargs"),
        ("{atn_implementation: sdpa}", "did you mean 'trainer.model_init_kwargs.attn_implementation'?"),
        ("{attn_implementation: flash}", "cannot make a model"),
    ],
)
def test_settings_that_no_model_takes(given: str, words: str) -> None:
    assert words in refusal("demo", f"trainer.model_init_kwargs={given}")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"problem": 7, "answer": "2"}, "row 1: column 'problem' holds neither a text nor turns"),
        ({"prompt": [], "answer": "2"}, "row 1: a problem without problem"),
        ({"prompt": [{"role": "user", "content": " "}], "answer": "2"}, "row 1: column 'prompt' holds a chat in which"),
        ({"problem": "\ud83d", "answer": "2"}, r"row 1: \ud83d is half a character"),
    ],
)
def test_rows_that_ask_nothing(row: dict[str, Any], words: str) -> None:
    rows(lambda i: row)
    assert words in refusal("demo")


def test_held_out_problems_that_are_trained_on_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    rows(lambda i: {"problem": f"{i if i < 3 else i + 50}+1=?\n", "answer": "1"}, "held.jsonl")
    Path("t.yaml").write_text(RECIPE.format(model="demo"))
    overrides = ["data.eval=held.jsonl", "trainer.chat_template_kwargs={enable_thinking: false}", "evaluation.budget=8"]
    words = "3 of 8 held-out problems are training problems, such as '0+1=?\\n'"
    text = dry_run("t.yaml", overrides).text
    assert f"warning    {words}" in text
    assert "does not look at 'enable_thinking' (it knows: none)" in text
    train("t.yaml", overrides, quiet=True)
    assert f"warning: {words}" in capsys.readouterr().err


def test_a_context_is_stretched_by_its_rope_where_that_says_so() -> None:
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256, "rope_theta": 1e4}
    assert context_of(Qwen3Config(**SIZES)) == 256
    assert context_of(Qwen3Config(**SIZES, rope_parameters=yarn)) == 1024
    assert context_of(GPT2Config(n_positions=48)) == 48


def test_what_an_edit_cuts_is_not_left_out_of_the_loss(tmp_path: Path) -> None:
    changes = ["edits=[{name: dot}]", "trainer.mask_truncated_completions=true"]
    with pytest.raises(UserError, match="mask_truncated_completions leaves out what does not end by itself"):
        resolve(load_recipe("demo-grpo", changes), tmp_path)


def test_thinking_with_a_budget_of_its_own_needs_an_end(tmp_path: Path) -> None:
    changes = ["budget={name: split, thinking: 20, answer: 5, closing: so}"]
    with pytest.raises(UserError, match="does not end thinking"):
        prepare(load_recipe("demo-grpo", changes), tmp_path)
    assert (
        prepare(load_recipe("demo-grpo", ["edits=[{name: dot}]"]), tmp_path).warnings()[0].startswith("edit dot never")
    )
