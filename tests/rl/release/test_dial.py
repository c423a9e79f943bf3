"""A released model's thinking budget: the file that ships, its figures, and the settings of what serves models."""

from __future__ import annotations

import hashlib
import json
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import refused
from processes import PATIENCE

from rewards import Problem
from rl.cli import run_command
from rl.evaluation import Protocol, encode_prompts
from rl.evaluation.protocol import data_of
from rl.models import load_model, load_tokenizer, resolve_model
from rl.release.dial import budgets as dial
from rl.release.dial import serving
from rl.release.dial.thinking_budget import ThinkingBudget, generate
from rl.rollouts import Ask, Sampling, TransformersEngine
from rl.rollouts.ask import Thinking
from rl.thinking import closing_of, end_of

CLOSING = "\nTime is up.\n</think>\n"


@pytest.mark.parametrize("closing", [None, CLOSING])
def test_the_file_that_ships_gives_the_tokens_of_our_split_rollouts(closing: str | None) -> None:
    name = resolve_model("modes-demo")
    model, tokenizer = load_model(name).eval(), load_tokenizer(name)
    chats = [[{"role": "user", "content": question}] for question in ("3+4-2=?", "9+9+8-7+6=?", "1+1=?", "7-6+5+3=?")]
    prompts = encode_prompts(tokenizer, [Problem(str(i), chat, "1") for i, chat in enumerate(chats)])
    end = end_of(tokenizer, None)
    forced = closing_of(tokenizer, closing, end)
    stops = set()
    for thinking, answer in ((1, 3), (9, 24), (30, 4), (200, 48)):
        asks = [
            Ask(prompt, thinking + len(forced) + answer, 0, Sampling(0.0), [tokenizer.eos_token_id], thinking=Thinking(thinking, answer, end, forced))
            for prompt in prompts
        ]  # fmt: skip
        ours = TransformersEngine(model).generate(asks)
        stops |= {completion.stop for completion in ours}
        expected = [list(completion.token_ids) for completion in ours]
        assert generate(model, tokenizer, chats, thinking, answer, closing, do_sample=False) == expected
        one = generate(model, tokenizer, chats[1:2], thinking, answer, closing, do_sample=False)
        assert one == expected[1:2]
    assert stops == {"eos", "length", "closed"}


def test_a_closing_that_begins_a_line_begins_none_after_a_thought_that_ends_with_one() -> None:
    name = resolve_model("modes-demo")
    model, tokenizer = load_model(name).eval(), load_tokenizer(name)
    chats = [[{"role": "user", "content": question}] for question in ("3+4-2=?", "9+9+8-7+6=?")]
    seen = set()
    for thinking in range(2, 12):
        for ids in generate(model, tokenizer, chats, thinking, 3, "\n</think>\n", fresh_line=True, do_sample=False):
            thought, closed = (tokenizer.decode(part) for part in (ids[:thinking], ids[thinking:]))
            if "</think>" not in thought:
                assert closed.startswith("</think>\n" if thought.endswith("\n") else "\n</think>\n")
                seen.add(thought.endswith("\n"))
    assert seen == {False, True}


def test_budgets_that_are_none_and_a_closing_that_ends_nothing_are_refused() -> None:
    tokenizer = load_tokenizer(resolve_model("demo"))
    with pytest.raises(ValueError, match="at least 1 token, not 0 and 5"):
        ThinkingBudget(tokenizer, 3, 0, 5)
    with pytest.raises(ValueError, match=r"'Stop\.' does not end thinking"):
        ThinkingBudget(tokenizer, 3, 5, 5, "Stop.")


def bounds(mean: float | None) -> dict[str, float | None]:
    return {"mean": mean, "low": mean and mean - 0.1, "high": mean and mean + 0.1}


def point(accuracy: float) -> dict[str, Any]:
    tokens = {"thinking": bounds(20.0), "answer": bounds(9.5), "all": bounds(30.5)}
    return {"accuracy": bounds(accuracy), "tokens": tokens, "forced": 0.5, "unfinished": 0.25, "unjudged": 0}


def measured(**changed: Any) -> dict[str, Any]:
    """What an evaluation with forced answers writes, as far as a release reads it."""
    data = data_of("demo", "/home/me/demo", ["a", "b"])
    said = {"prompt": "{problem} Box it.", "system": "Be brief.", "budget_text": "{prompt} ({budget} tokens)"}
    protocol = Protocol("demo", cap=400, samples=2, data=data, **said)
    forced = {
        "closing": {"name": "custom", "text": CLOSING, "fresh_line": False},
        "end": "</think>",
        "answer": 48,
        "budgets": {"80": point(0.75), "20": point(0.5), "160": point(0.875)},
    }
    return {"schema": 1, "model": "short-sums", "protocol": protocol.to_dict(), "forced": forced, **changed}


def test_a_release_has_its_figures_its_settings_and_what_turns_the_dial_from_its_folder_alone(
    evaluated_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("figures.json").write_text(json.dumps(measured()))
    with pytest.raises(SystemExit) as stop:
        run_command(["release", str(evaluated_run), "--license", "mit", "--budgets", "figures.json", "--out", "short"])
    assert stop.value.code == 0
    found = json.loads(Path("short/budgets.json").read_text())
    weights = hashlib.sha256(Path("short/model.safetensors").read_bytes()).hexdigest()
    assert found["model"] == {"name": "short-sums", "weights": {"model.safetensors": weights}}
    assert (found["end"], found["answer_tokens"]) == ("</think>", 48)
    assert found["closing"] == {"name": "custom", "text": CLOSING, "fresh_line": False}
    assert list(found["budgets"]) == ["20", "80", "160"]
    assert found["budgets"]["80"]["accuracy"] == {"mean": 0.75, "low": 0.65, "high": 0.85}
    assert set(found["budgets"]["80"]["tokens"]) == {"thinking", "answer", "all"}
    assert (found["protocol"]["samples"], found["protocol"]["data"]["problems"]) == (2, 2)
    card, sums = (Path("short", name).read_text() for name in ("README.md", "SHA256SUMS"))
    assert "| 80 | 75.0 [65.0, 85.0] | 20.0 [19.9, 20.1] | 9.5 [9.4, 9.6] | 30.5 [30.4, 30.6] | 50.0 | 25.0 |" in card
    assert {"budgets.json", "thinking_budget.py"} <= {line.split()[-1] for line in sums.splitlines()}
    assert "/home/me" not in card + json.dumps(found)
    assert r"closed by `\nTime is up.\n</think>\n` (custom)" in card
    for product in ("vLLM", "SGLang", "llama.cpp", "Ollama"):
        assert f"| {product} | `" in card
    assert "as\n`{prompt} ({budget} tokens)`; write it into yours" in card
    asked = runpy.run_path("short/thinking_budget.py")["asked"]
    assert asked("1+{budget}=?", 20) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+{budget}=? Box it. (20 tokens)"},
    ]
    Path("elsewhere").mkdir()
    alone = "import sys, runpy; sys.modules |= dict.fromkeys(('rl', 'rewards', 'curricula', 'trl')); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", alone, "../short/thinking_budget.py", "--thinking", "5", "3+4-2=?"],
        cwd="elsewhere", capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert CLOSING in done.stdout  # the closing by which the figures were taken


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"forced": None}, "has no figures of thinking closed at budgets: make them by lengthwise evaluate --force-at"),
        ({"schema": 9}, "is not what this version's lengthwise evaluate --json writes"),
        ({"forced": {"budgets": {}}}, "its figures of forced answers are not what"),
        (
            {"forced": {**measured()["forced"], "budgets": {"many": point(0.5)}}},
            "its figures of forced answers are not",
        ),
        (
            {"forced": {**measured()["forced"], "budgets": {"20": {**point(0.5), "forced": 2.0}}}},
            "its figures of forced",
        ),
    ],
)
def test_figures_that_are_none_are_refused_in_a_line(
    changed: dict[str, Any],
    said: str,
    evaluated_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text(json.dumps(measured(**changed)))
    line = refused(capsys, "release", str(evaluated_run), "--license", "mit", "--budgets", "bad.json", "--out", "model")
    assert said in line


def test_settings_are_words_of_a_shell_and_json(tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text(json.dumps(measured()))
    found = {
        each.product: each for each in serving.settings("short", "./short", dial.of_file(tmp_path / "figures.json"), 80)
    }
    requests = {name: json.loads(each.request) for name, each in found.items()}
    # 80 of thinking, 48 of the answer, and at most the 22 bytes of the closing between them
    assert requests["vLLM"] == {"thinking_token_budget": 80, "max_tokens": 150}
    assert requests["SGLang"] == {"custom_params": {"thinking_budget": 80}, "max_tokens": 150}
    assert requests["llama.cpp"] == {"thinking_budget_tokens": 80, "max_tokens": 150}
    words = shlex.split(found["vLLM"].start)
    assert json.loads(words[-1]) == {"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}
    read = subprocess.run(
        ["bash", "-c", found["llama.cpp"].start.replace("llama-server", "printf '%s|'")],
        capture_output=True, text=True, check=True,
    ).stdout.split("|")  # fmt: skip
    assert read[:-1] == [
        "-m",
        "short.gguf",
        "--jinja",
        "--reasoning-budget",
        "80",
        "--reasoning-budget-message",
        "\nTime is up.\n",
    ]
