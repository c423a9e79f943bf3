"""Public models' tokenizers, templates and kinds of weights, through all that becomes of a model here."""

import json
from itertools import product
from pathlib import Path

import pytest
import torch
import yaml
from commands import run
from public_models import MODELS, made
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from rewards.thinking import MARKS, THINK
from rl.cli import run_command
from rl.evaluation import Evaluation
from rl.merging.origin import tokenizer_files
from rl.models import load_tokenizer
from rl.thinking import closing_of, end_of, first_end

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
BEFORE = ("", "so", "so.", "so\n", "x = 3$", "so \n\n", "a>", "。", "/", "</", "<think>\n", "</thin")
AFTER = ("", "\n", "\n\n4", " 4", ">", "\\boxed{4}", "**", "。", "=1", "\n</think>")
CLOSINGS = (
    "\n{}\n\n",
    "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking now.\n{}.\n\n",
    "\nFinal Answer:{}",
    "…\n\n{}**答案**\n",
)


def command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command([*arguments])
    assert stop.value.code == 0


def assert_thinking_ends_where_it_is_read(tokenizer: PreTrainedTokenizerBase) -> None:
    """By a token of its own, by channels, and by a mark that is spelt in common tokens."""
    added = tokenizer.get_added_vocab()
    assert THINK.end not in added or end_of(tokenizer, None) == end_of(tokenizer, THINK.end)
    for text in (THINK.end, *(marks.end for marks in MARKS[-1:] if "<|message|>" in added)):
        end = end_of(tokenizer, text)
        for before, after in product(BEFORE, AFTER):
            ids = tokenizer(before + text + after, add_special_tokens=False)["input_ids"]
            said = (tokenizer.decode(ids[:count], skip_special_tokens=False) for count in range(len(ids) + 1))
            assert first_end(ids, end) == next(count for count, each in enumerate(said) if text in each)
        assert first_end(tokenizer(f"so.{text[:-1]}\n4", add_special_tokens=False)["input_ids"], end) is None
        for closing in (each.format(text) for each in CLOSINGS):
            assert tokenizer.decode(list(closing_of(tokenizer, closing, end)), skip_special_tokens=False) == closing


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
    assert_thinking_ends_where_it_is_read(load_tokenizer("base"))

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
