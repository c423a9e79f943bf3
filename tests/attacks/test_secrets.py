"""Secrets in recipes, overrides and options: refused before a line is written, and not repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attacks.played import play, recipe_file
from rl.folders.run import RunFolder
from rl.recipe.files import load_recipe, shipped_recipes

VALUE = "Zx81qP-not-to-be-seen"
HF = "hf_" + "q" * 34
SIGNED = f"https://store.blob.core.windows.net/c/rows.jsonl?sv=2022&sig={VALUE}%3D"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJl"

OPTIONS: list[tuple[Any, str]] = [
    ({"storage_options": {"account_key": VALUE}}, "storage_options.account_key"),
    ({"storage_options": {"sas_token": VALUE}}, "storage_options.sas_token"),
    ({"storage_options": {"key": VALUE, "anon": False}}, "storage_options.key"),
    ({"storage_options": {"client_kwargs": {"aws_secret_access_key": VALUE}}}, "client_kwargs.aws_secret_access_key"),
    ({"storage_options": {"headers": {"Authorization": f"Token {VALUE}"}}}, "headers.Authorization"),
    ({"storage_options": [{"hfToken": VALUE}]}, "storage_options.0.hfToken"),
    ({"hf_token": VALUE}, "options.hf_token"),
    ({"secret_key": VALUE}, "options.secret_key"),
    ({"password": 12345678}, "options.password"),
    ({"credentials": {"user": "me", "word": VALUE}}, "credentials.user"),
    ({"auth": ["me", VALUE]}, "options.auth"),
    ({"some_token": "a8Fk29sLq0ZpX7vB3nWm"}, "options.some_token"),
    ({"data_files": SIGNED}, "options.data_files"),
    ({"data_files": [f"https://me:{VALUE}@example.org/x.jsonl"]}, "options.data_files.0"),
    ({"data_files": f"https://{VALUE}@example.org/x.jsonl"}, "options.data_files"),
    ({"data_files": f"https://example.org/x.jsonl?%61pi_key={VALUE}"}, "options.data_files"),
    ({"text": f"AccountName=a;AccountKey={VALUE}=="}, "options.text"),
    ({"text": JWT}, "options.text"),
    ({"text": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk"}, "options.text"),
    ({HF: 1}, "options"),
]


@pytest.mark.parametrize(("options", "place"), OPTIONS)
def test_a_recipe_with_a_secret_in_nested_options_is_refused_and_it_is_not_repeated(
    options: dict[str, Any], place: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_file(tmp_path, data={"train": {"source": "json", "options": options}})
    for more in (["--dry-run"], ["--out", str(tmp_path / "run")]):
        said = play(capfd, "train", recipe, *more).refusal
        assert f"{place} is a secret, which would be written into the run's folder" in said
        assert not any(part in said for part in (VALUE, HF, JWT, "a8Fk29", "b3Blbn", "12345678"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [["train", "--dry-run"], ["doctor", "--no-step"]])
def test_every_command_that_reads_recipes_refuses_a_secret(
    command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    name, *more = command
    played = play(capfd, name, "demo-dler", f"data.train.options.sas_token={VALUE}", *more)
    assert played.code in (1, 2)
    assert "demo-dler.data.train.options.sas_token is a secret" in played.said
    assert VALUE not in played.said


def test_a_secret_among_the_options_of_a_command_is_refused(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cases.jsonl").write_text('{"gold": "1", "completion": "1"}\n')
    Path("judge.py").write_text("def judge(gold, answer, api_key=''):\n    return True\n")
    judge = ["--verifier", "judge.py:judge", "--set"]
    for arguments in (
        ["verify", "--cases", "cases.jsonl", *judge, f"options={{api_key: {VALUE}}}"],
        ["evaluate", "--model", "demo", "--data", "demo", *judge, f"options={{api_key: {VALUE}}}"],
        ["evaluate", "--model", "demo", "--data", "demo", "--chat", f"hf_token={VALUE}"],
        ["evaluate", "--model", "demo", "--data", "demo", "--system", f"your key is {HF}"],
    ):
        said = play(capfd, *arguments).refusal
        assert "is a secret" in said
        assert VALUE not in said
        assert HF not in said


def test_an_error_does_not_repeat_a_secret_of_the_file_that_it_is_about(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(f"name: 'x\nmodel: {HF}\n")
    assert HF not in play(capfd, "train", str(tmp_path / "recipe.yaml"), "--dry-run").refusal
    assert VALUE not in play(capfd, "data", "demo", f"password={VALUE}").refusal  # it takes no overrides
    for override in (
        f"trainer.report_to={HF}",
        f"{HF}=1",
        f"model=/nowhere/{HF}",
        f"data.train=https://me:{VALUE}@h/x",
    ):
        said = play(capfd, "train", "demo-dler", override, "--dry-run").refusal
        assert HF not in said
        assert VALUE not in said


# Options that name a variable -----------------------------------------------------------------


FACTORY = (
    "def rows(key, n=4):\n"
    "    assert key == '{value}', key\n"
    "    return [{{'problem': f'{{i}}+1=?', 'answer': str(i + 1)}} for i in range(n)]\n"
)


def with_factory(folder: Path, variable: str) -> str:
    (folder / "mine.py").write_text(FACTORY.format(value=VALUE))
    source = {"source": f"{folder}/mine.py:rows", "options": {"key": {"env": variable}}}
    return recipe_file(folder, data={"train": source})


def test_an_option_may_name_a_variable_whose_value_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENGTHWISE_STORE_KEY", VALUE)
    recipe = with_factory(tmp_path, "LENGTHWISE_STORE_KEY")
    few = ("trainer.per_device_train_batch_size=4", "trainer.max_steps=1")
    played = play(capfd, "train", recipe, "--dry-run", "--show-recipe", *few)
    assert played.code == 0, played
    assert "env: LENGTHWISE_STORE_KEY" in played.out
    assert "4 problems" in played.out
    assert VALUE not in played.said
    (tmp_path / "mine.py").write_text("def rows(key):\n    raise ValueError(f'no such key: {key}')\n")
    assert "no such key: [removed]" in play(capfd, "train", recipe, "--dry-run").refusal


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("HF_TOKEN", "an option reads no variable but LENGTHWISE_…_KEY"),
        ("LENGTHWISE_HOME", "an option reads no variable but LENGTHWISE_…_KEY"),
        ("LENGTHWISE_NO_SUCH_KEY", "the environment has no LENGTHWISE_NO_SUCH_KEY"),
    ],
)
def test_a_recipe_reads_no_variable_that_was_not_made_for_it(
    variable: str, says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", HF)
    monkeypatch.setenv("LENGTHWISE_HOME", VALUE)
    said = play(capfd, "train", with_factory(tmp_path, variable), "--dry-run").refusal
    assert says in said
    assert VALUE not in said


def test_what_checkpoints_would_keep_names_no_variable(capfd: pytest.CaptureFixture[str]) -> None:
    override = "trainer.model_init_kwargs={token: {env: LENGTHWISE_HUB_TOKEN}}"
    assert "only options take {env: NAME}" in play(capfd, "train", "demo-dler", override, "--dry-run").refusal


def test_an_alarm_that_quotes_a_server_keeps_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENGTHWISE_KEY", VALUE)
    RunFolder(tmp_path).write_alarm(3, f"no worker serves: 401 Bearer {VALUE} is not it, nor {HF}")
    assert RunFolder(tmp_path).alarms_said() == ["no worker serves: 401 Bearer [removed] is not it, nor [removed]"]


# What is no secret ----------------------------------------------------------------------------


def test_no_recipe_that_ships_is_taken_for_one_with_a_secret() -> None:
    assert len([load_recipe(name) for name in shipped_recipes()]) > 50


def test_ordinary_options_pass() -> None:
    options = {
        "tokenizer": "o200k", "max_tokens": 4096, "token_budget": 80, "pad_token": "<|endoftext|>", "eos_token": "</s>",
        "think_token": "</think>", "user_token": "<|user|>", "key": "hex8", "sort_key": "difficulty-level-2-of-the-set",
        "columns": {"key": "question"}, "n_tokens": [1, 2], "token": True, "password": None, "author": "Ann O'Nymous",
        "env": "CartPole-v1", "game": {"env": "CartPole-v1"}, "data_files": "https://example.org/x.jsonl?split=train",
        "source": "hf://datasets/owner/name@main/x.parquet", "api_key_env": "LENGTHWISE_KEY",
    }  # fmt: skip
    recipe = load_recipe(
        "demo-dler", [f"data.train.options={options!r}".replace("True", "true").replace("None", "null")]
    )
    assert recipe.data.train.options["pad_token"] == "<|endoftext|>"
    prompts = (
        "What is 5? key=3 & token=4. Be the bearer of good news; see git@github.com:a/b, https://x.org/@me, sk-learn."
    )
    assert load_recipe("demo-dler", [f"data.prompt.system='{prompts}'"]).data.prompt.system == prompts
