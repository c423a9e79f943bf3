"""A light installation: everything that needs no model runs without torch, and what needs it says what to install."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from core_only import core, imported, ran
from house import HEAVY
from places import ROOT
from run_folders import make_run

from rl.errors import UserError
from rl.installed import missing, needs

ARRAYS = {"numpy", "pyarrow", "pandas", "scipy", "matplotlib"}
WITH_TENSORS = {"nemo_rl", "verl_advantage"}
"""Adapters whose hook is handed tensors, so that the trainer's torch is there."""
HOSTS = {
    "verl": ["DataProto"],
    "verl.experimental.reward_loop.reward_manager.base": ["RewardManagerBase"],
    "openrlhf.utils.agent": ["SingleTurnAgentExecutor"],
}
JUDGES = {"sympy", "math_verify", "latex2sympy2_extended"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Rollouts, cases and problems, in a folder."""
    rows = [{"problem_id": "p", "length": n, "correct": n > 5, "stop": "eos", "budget": 9, "reward": n} for n in (4, 8)]
    cases = [{"gold": "1/2", "completion": r"\boxed{0.5}"}, {"gold": "2", "completion": r"\boxed{3}"}]
    problems = [{"problem": f"{n}+1=?", "answer": str(n + 1)} for n in range(4)]
    for name, lines in (("rows", rows), ("cases", cases), ("problems", problems)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_the_core_brings_nothing_that_trains() -> None:
    assert {"numpy", "pyarrow", "pydantic", "typer", "math-verify", "sympy", "tokenizers"} <= core()
    assert core() & {*HEAVY, "bitsandbytes", "deepspeed", "scipy", "pandas"} == set()


def test_what_needs_no_model_runs_with_the_core_alone(files: Path) -> None:
    for name in ("one", "two"):
        make_run(files / name, problems=4)
    (files / "mine.py").write_text("def by_names(rewards, group_size, lengths):\n    return lengths - lengths[0]\n")
    commands = [
        ["rewards", "hapo"],
        ["budgets", "linear", "--set", "steps=8", "--steps", "9", "--plot", "budget.png"],
        ["score", "--reward", "hapo", "--rollouts", "rows.jsonl"],
        ["advantages"],
        ["advantages", "--estimator", "group", "--rollouts", "rows.jsonl"],
        ["advantages", "--estimator", "mine.py:by_names", "--rollouts", "rows.jsonl"],
        ["audit", "--rollouts", "rows.jsonl", "--methods", "hapo,dler", "--out", "audit"],
        ["verify", "--cases", "cases.jsonl", "--quiet"],
        ["data", "problems.jsonl"],
        ["compare", "one", "two", "--out", "comparison"],
        ["watch", "one", "--once"],
        ["synth", "keychain", "--tokens", "2048", "--n", "2", "--out", "rows", "--tokenizer", "estimate", "--quiet"],
        ["synth", "stats", "rows", "--quiet"],
    ]
    done, printed = ran(*commands, cwd=files)
    assert [each.code for each in done] == [0] * len(commands), printed
    assert "1 correct, 1 wrong" in printed
    assert (files / "comparison/index.html").is_file()
    assert done[-1].modules & HEAVY == set()


def test_what_needs_more_says_in_one_line_what_to_install(files: Path) -> None:
    commands = [
        ["advantages", "--estimator", "on_torch.py:mine", "--rollouts", "rows.jsonl"],
        ["train", "demo-dler"],
        ["train", "demo-dler", "--dry-run"],
        ["evaluate", "--model", "demo", "--data", "demo"],
        ["demo"],
    ]
    (files / "on_torch.py").write_text("from torch import Tensor\n\ndef mine(rewards, group_size, lengths): ...\n")
    before = sorted(files.rglob("*"))
    done, printed = ran(*commands, ["doctor", "demo-dler", "--no-step"], cwd=files)
    assert [each.code for each in done] == [*[2] * len(commands), 1], printed
    assert set(re.findall(r"FAIL +this needs (\w+)", printed)) == {"transformers", "torch"}
    told = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(told) == len(commands)
    assert all(line.endswith("is not installed: pip install 'lengthwise[train]'") for line in told)
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    ("command", "code", "left_out"),
    [
        (["--help"], 0, HEAVY | ARRAYS | JUDGES | {"pydantic", "rewards"}),
        (["train", "--help"], 0, HEAVY | ARRAYS | JUDGES | {"rewards"}),
        (["score", "--reward", "hapo", "--rollouts", "rows.jsonl"], 0, HEAVY | JUDGES | ARRAYS - {"numpy"}),
        (["verify", "--cases", "cases.jsonl"], 0, HEAVY | ARRAYS - {"numpy"}),
    ],
)
def test_a_command_imports_no_more_than_it_needs(
    command: list[str], code: int, left_out: set[str], files: Path
) -> None:
    (done,), printed = ran(command, cwd=files)
    assert done.code == code, printed
    assert done.modules & left_out == set()


def test_the_adapters_to_other_trainers_bring_nothing_that_the_trainer_may_have_in_another_version() -> None:
    modules = [
        f"rl.elsewhere.{room}.{path.stem}"
        for room in ("groups", "trainers")
        for path in sorted((ROOT / "rl/elsewhere" / room).glob("*.py"))
        if path.stem not in {"__init__", *WITH_TENSORS}
    ]
    assert {"rl.elsewhere.groups.advantages", "rl.elsewhere.trainers.slime"} <= set(modules)
    assert imported(modules, HOSTS) & HEAVY == set()


def test_a_slip_in_a_recipe_is_told_before_torch_is_imported(tmp_path: Path) -> None:
    slips = {
        "trainr.max_steps=3": "unknown key 'trainr' in",
        "trainer.learning_rat=1": "unknown key 'trainer.learning_rat' in demo-dler; did you mean",
        "trainer.learning_rate=0": "demo-dler: trainer.learning_rate: Input should be greater than 0, not 0",
        "trainer.bf16=no": "demo-dler: trainer.bf16: Input should be a valid boolean",
        "rewards.0=truncatio": "unknown reward 'truncatio'; did you mean 'truncation'?",
        "budget.tokns=9": "unknown option of budget 'constant' 'tokns'; did you mean 'tokens'?",
        "advantage=dlr": "unknown advantage estimator 'dlr'; did you mean 'dler'?",
        "verifier=mth": "unknown verifier 'mth'; did you mean 'math'?",
    }
    done, printed = ran(*(["train", "demo-dler", slip] for slip in slips), cwd=tmp_path, everything=True)
    assert [each.code for each in done] == [2] * len(slips)
    told = [line.removeprefix("error: ") for line in printed.splitlines() if line.startswith("error: ")]
    assert [line[: len(start)] for line, start in zip(told, slips.values(), strict=True)] == list(slips.values())
    assert done[-1].modules & HEAVY == set()


def test_what_a_module_that_is_not_there_comes_with_is_told_and_a_strangers_is_not() -> None:
    said = {name: missing(ModuleNotFoundError(name=name)) for name in ("torch.nn", "scipy", "reasoning_gym", "strange")}
    assert [str(line).partition(": ")[2] for line in said.values()] == [
        "pip install 'lengthwise[train]'",
        "pip install 'lengthwise[study]'",
        "pip install 'lengthwise[gym]'",
        "",
    ]
    assert isinstance(said["scipy"], UserError)
    assert not any(each.startswith("lengthwise") for each in needs().packages)
