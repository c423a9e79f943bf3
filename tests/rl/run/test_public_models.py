"""Public models' tokenizers, templates and kinds of weights, through all that becomes of a model here."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from commands import run
from public_models import MODELS, made
from transformers import AutoModelForCausalLM, AutoTokenizer

from rl.cli import run_command
from rl.evaluation import Evaluation
from rl.merging.origin import tokenizer_files

REWARD = "def spread(completion_ids, **columns):\n    return [float(sum(ids) % 7) for ids in completion_ids]\n"
RECIPE = {
    "name": "small",
    "model": "./base",
    "data": {"train": "problems.jsonl", "eval": None, "prompt": {"system": "Reason, then answer."}},
    "verifier": "exact",
    "rewards": [{"name": "my_rewards.py:spread"}],
    "budget": {"name": "constant", "tokens": 8},
    "batch": {"groups": 2, "updates": 1, "tokens_per_micro_batch": 1000},
    "trainer": {"learning_rate": 1e-2, "num_generations": 4, "max_steps": 2, "router_aux_loss_coef": 0.0},
}


def command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command([*arguments])
    assert stop.value.code == 0


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_public_model_trains_is_evaluated_merged_released_and_loaded_again(
    name: str, packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = made(name, packages, tmp_path / "base")
    rows = [{"question": f"What is {n}+{n}?", "answer": str(2 * n)} for n in range(4)]
    Path("problems.jsonl").write_text("\n".join(map(json.dumps, rows)))
    Path("my_rewards.py").write_text(REWARD)
    Path("recipe.yaml").write_text(yaml.safe_dump(RECIPE))

    tokenizer = AutoTokenizer.from_pretrained("base")
    text = "Wait: 3*4 = 12,  so x_1 ≤ 12\n\tdone."
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text

    command("train", "recipe.yaml", "--out", "run", "--quiet")
    asked = ("evaluate", "--model", "run/final", "--data", "problems.jsonl", "--verifier", "exact")
    found = run(*asked, "--cap", "12", "--caps", "6", "--out", "a.parquet")
    assert (found["protocol"]["thinking"], found["protocol"]["cap"]) == (MODELS[name].thinking, 12)
    assert len(Evaluation.load(Path("a.parquet")).rows) == 4
    command("merge", "--base", "base", "--trained", "run/final", "--out", "merged")
    command("release", "run", "--license", "mit", "--evaluation", "out.json", "--out", "released")

    before = AutoModelForCausalLM.from_pretrained("base").state_dict()
    chat = [{"role": "user", "content": "What is 1+1?"}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    for folder in ("run/final", "merged", "released"):
        model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        assert model.dtype is torch.bfloat16
        assert any(not torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
        again = AutoTokenizer.from_pretrained(folder)
        assert again.apply_chat_template(chat, add_generation_prompt=True, return_dict=False) == ids
        files = {path.name: path.read_bytes() for path in tokenizer_files(Path(folder))}
        assert files == {path.name: path.read_bytes() for path in tokenizer_files(base)}
