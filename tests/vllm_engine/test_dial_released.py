"""The dial from one command of training to what serves it: each setting gives what the release promises."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from processes import PATIENCE

from data_synth.arithmetic import problems
from rewards.types import Verdict
from rewards.verifier import MathVerifier
from rl.cli import run_command
from rl.models import load_tokenizer
from rl.release.dial.budgets import Budgets
from rl.release.dial.serving import settings

SETTINGS = (20, 40, 60, 90, 130)
LIMIT = 400
Answers = Callable[[int, list[Any]], list[list[int]]]
"""A setting and chats to completions."""

ALONE = """
import json, runpy, sys
sys.modules |= dict.fromkeys(("rl", "rewards", "curricula", "trl"))
from transformers import AutoModelForCausalLM, AutoTokenizer
shipped = runpy.run_path("thinking_budget.py")
model, tokenizer = AutoModelForCausalLM.from_pretrained("."), AutoTokenizer.from_pretrained(".")
with open("budgets.json") as file:
    said = json.load(file)
answers = {}
for setting in said["budgets"]:
    chats = [shipped["asked"](question, int(setting)) for question in json.loads(sys.stdin.readline())]
    answers[setting] = shipped["generate"](
        model, tokenizer, chats, int(setting), said["answer_tokens"], said["closing"]["text"], do_sample=False
    )
print(json.dumps(answers))
"""


def command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(list(arguments))
    assert stop.value.code in (0, None)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that `demo-dial` trained, with its figures."""
    place = tmp_path_factory.mktemp("dial")
    run, figures = place / "run", place / "figures.json"
    command("train", "demo-dial", "--out", str(run))
    asked = ["--model", str(run / "final"), "--data", "demo", "--limit", str(LIMIT), "--temperature", "0"]
    closed = ["--cap", "256", "--force-at", ",".join(map(str, SETTINGS)), "--answer", "40"]
    command("evaluate", *asked, *closed, "--budget-text", "{prompt} ({budget} tokens)", "--json", str(figures))
    command("release", str(run), "--license", "mit", "--budgets", str(figures), "--out", str(place / "dial"))
    return place / "dial"


def held(folder: Path, answers: dict[int, list[list[int]]]) -> None:
    """Accuracy and tokens of the answers to each setting lie within the interval that the folder promises."""
    tokenizer, verifier = load_tokenizer(str(folder)), MathVerifier()
    golds = [str(row["answer"]) for row in problems("test", LIMIT)]
    promised = json.loads((folder / "budgets.json").read_text())["budgets"]
    for setting, ids in answers.items():
        texts = [tokenizer.decode(each, skip_special_tokens=True) for each in ids]
        right = fmean(verdict == Verdict.CORRECT for verdict in verifier.judge(golds, texts))
        length = fmean(map(len, ids))
        own = promised[str(setting)]
        assert own["accuracy"]["low"] <= right <= own["accuracy"]["high"], setting
        assert own["tokens"]["all"]["low"] <= length <= own["tokens"]["all"]["high"], setting


def questions() -> list[str]:
    return [str(row["problem"]) for row in problems("test", LIMIT)]


@pytest.mark.slow
def test_the_dial_turns(released: Path) -> None:
    said = json.loads((released / "budgets.json").read_text())
    assert list(map(int, said["budgets"])) == list(SETTINGS)
    assert said["stated"]["rank_correlation"] > 0.9
    assert fmean(each["error"]["mean"] for each in said["stated"]["budgets"].values()) < 0.2
    assert min(each["accuracy"]["mean"] for each in said["budgets"].values()) > 0.85


@pytest.mark.slow
def test_plain_transformers_give_what_the_folder_promises_from_the_folder_alone(released: Path) -> None:
    asked = "\n".join([json.dumps(questions())] * len(SETTINGS))
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=released, input=asked, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    held(released, {int(setting): ids for setting, ids in json.loads(done.stdout).items()})


@pytest.mark.slow
@pytest.mark.vllm
def test_vllm_gives_what_the_folder_promises(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("vllm")
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    from vllm import LLM, SamplingParams

    said = json.loads((released / "budgets.json").read_text())
    budgets = Budgets("dial", said["protocol"], said["end"], said["closing"], said["answer_tokens"], {})

    def pasted(setting: int) -> Any:
        return next(each for each in settings("dial", str(released), budgets, setting) if each.product == "vLLM")

    served = LLM(
        str(released), dtype="float32", max_model_len=320, enforce_eager=True,
        reasoning_config=json.loads(shlex.split(pasted(1).start)[-1]),
    )  # fmt: skip
    answers = {}
    for setting in SETTINGS:
        chats: Any = [[{"role": "user", "content": f"{question} ({setting} tokens)"}] for question in questions()]
        asked = json.loads(pasted(setting - 1).request)  # it counts after the mark that begins thinking
        outputs = served.chat(chats, SamplingParams(temperature=0.0, **asked), use_tqdm=False)
        answers[setting] = [list(output.outputs[0].token_ids) for output in outputs]
    held(released, answers)
