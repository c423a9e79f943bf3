"""Plug-ins, data and settings by which a command would end in silence, never end, or take the machine with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import rl.problems.data
import rl.problems.endless
from attacks.played import play, recipe_file
from data_synth.check import rows as synth_rows

PLUG_INS = """
import sys

def row(i):
    return {"problem": f"{i}+1=?", "answer": str(i + 1)}

def rows():
    sys.exit(0)

def some_rows():
    yield row(1)
    exit(0)

def endless_rows():
    i = 0
    while True:
        yield row(i := i + 1)

class Reward:
    name = "mine"
    def __call__(self, group, history):
        return [0.0 for _ in group.rollouts]

class AtMaking(Reward):
    def __init__(self):
        sys.exit(0)

class AtCall(Reward):
    def __call__(self, group, history):
        sys.exit(0)

class AtTerms(Reward):
    def terms(self, group, history):
        sys.exit(0)

class AtObserving(Reward):
    def observe(self, group, history):
        sys.exit(0)

class Endless(Reward):
    def __call__(self, group, history):
        while True:
            yield 0.0

class Schedule:
    maximum = 80
    def at(self, step):
        sys.exit(0)

class Maximum:
    def at(self, step):
        return 1

    @property
    def maximum(self):
        sys.exit(0)

class Order:
    column = None
    def sequence(self, number, seed, values):
        sys.exit(0)

class EndlessOrder(Order):
    def sequence(self, number, seed, values):
        while True:
            yield 0

class Judge:
    name = "mine"
    def judge(self, answers, texts):
        sys.exit(0)
    def readable(self, answers):
        sys.exit(0)

def judge(gold, answer):
    sys.exit(0)
"""


@pytest.fixture(autouse=True)
def _plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PLUG_INS)
    Path("gone.py").write_text("import sys\nsys.exit(0)\n")
    rollout = {"problem_id": "p", "length": 3, "correct": True, "stop": "eos", "budget": 80, "text": "x"}
    Path("rollouts.jsonl").write_text(f"{json.dumps(rollout)}\n" * 2)
    Path("cases.jsonl").write_text('{"gold": "1", "completion": "\\\\boxed{1}"}\n')


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"data": {"train": "gone.py:rows"}}, "data factory 'gone.py:rows'"),
        ({"data": {"train": "mine.py:rows"}}, "data factory 'mine.py:rows'"),
        ({"data": {"train": "mine.py:some_rows"}}, "data factory 'mine.py:some_rows'"),
        ({"rewards": ["gone.py:R"]}, "reward 'gone.py:R'"),
        ({"rewards": ["mine.py:AtMaking"]}, "reward 'mine.py:AtMaking'"),
        ({"budget": {"name": "gone.py:S"}}, "budget 'gone.py:S'"),
        ({"budget": {"name": "mine.py:Schedule"}}, "budget 'Schedule'"),
        ({"budget": {"name": "mine.py:Maximum"}}, "mine.py, line "),
        ({"data": {"train": "demo", "order": "mine.py:Order"}}, "problem order 'Order'"),
        ({"verifier": {"name": "gone.py:V"}}, "verifier 'gone.py:V'"),
        ({"verifier": {"name": "mine.py:Judge"}}, "verifier 'mine'"),
        ({"advantage": {"name": "gone.py:A"}}, "advantage estimator 'gone.py:A'"),
    ],
)
def test_a_plug_in_that_exits_is_named_and_the_command_fails(
    parts: dict[str, object], named: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = play(capfd, "train", recipe_file(tmp_path, **parts), "--out", "run").refusal
    assert named in said
    assert "called sys.exit(" in said
    assert not Path("run/final").exists()


@pytest.mark.parametrize(
    "reward", ["gone.py:R", "mine.py:AtMaking", "mine.py:AtCall", "mine.py:AtTerms", "mine.py:AtObserving"]
)
def test_score_does_not_end_with_a_reward_that_exits(reward: str, capfd: pytest.CaptureFixture[str]) -> None:
    said = play(capfd, "score", "--reward", reward, "--rollouts", "rollouts.jsonl", "--json", "out.json").refusal
    assert "called sys.exit(0)" in said
    assert not Path("out.json").exists()


def test_a_judge_that_exits_in_its_worker_has_crashed_and_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(UserWarning, match=r"verifier 'mine.py:judge' raised SystemExit: 0 \(mine.py:\d+\); counted"):
        played = play(capfd, "verify", "--cases", "cases.jsonl", "--verifier", "mine.py:judge")
    assert "1 crashed" in played.out


def test_what_does_not_end_is_ended(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rl.problems.endless, "MOST_ROWS", 5000)
    endless = recipe_file(tmp_path, data={"train": "mine.py:endless_rows"})
    assert (
        "'mine.py:endless_rows' gave over 5,000 rows and goes on" in play(capfd, "train", endless, "--dry-run").refusal
    )
    said = play(capfd, "score", "--reward", "mine.py:Endless", "--rollouts", "rollouts.jsonl").refusal
    assert "reward 'mine' gave over 2 numbers for 2 rollouts" in said
    order = recipe_file(tmp_path, data={"train": "demo", "order": "mine.py:EndlessOrder"})
    assert "gave a generator, not a list" in play(capfd, "train", order, "--dry-run").refusal
    monkeypatch.setattr(rl.problems.endless, "SHARE", -1.0)
    said = play(capfd, "train", endless, "--dry-run").refusal
    assert "its first 1,024 rows take half of the free memory" in said


def test_a_line_that_no_tokenizer_takes_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "x" * (rl.problems.data.LONGEST + 1)
    lines = [{"problem": "1+1=?", "answer": "2"}, {"problem": problem, "answer": "2"}]
    Path("rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = play(capfd, "train", recipe_file(tmp_path, data={"train": "rows.jsonl"}), "--dry-run").refusal
    assert "rows.jsonl, row 2: the problem has 8,388,609 characters" in said
    assert "row 2: the problem has" in play(capfd, "evaluate", "--model", "demo", "--data", "rows.jsonl").refusal
    monkeypatch.setattr(synth_rows, "LONGEST", 10)
    assert "rows.jsonl, line 1: 3" in play(capfd, "synth", "verify", "rows.jsonl").refusal


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--cases", "cases.jsonl", "--set", "workers=1000000"],
        ["verify", "--cases", "cases.jsonl", "--set", "memory=1000000000000"],
        ["verify", "--cases", "cases.jsonl", "--set", "seconds=1e300"],
        ["budgets", "constant", "--set", "tokens=80", "--steps", "100000000000"],
        ["evaluate", "--model", "demo", "--data", "demo", "--samples", "100000000000"],
        ["train", "demo-dler", "--dry-run", "verifier={name: math, workers: 1000000}"],
        ["train", "demo-dler", "--dry-run", "evaluation.samples=100000000"],
        ["train", "demo-dler", "--dry-run", "data.probe.samples=100000000"],
        ["train", "demo-dler", "--dry-run", "rollouts.pool.in_flight=1000000000000"],
        ["synth", "filter", "x", "--out", "y.parquet", "--endpoint", "http://127.0.0.1:1", "--model", "m", "--parallel", "1000000"],
    ],
)  # fmt: skip
def test_settings_have_bounds(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"at most|less than or equal|not in the range", play(capfd, *arguments).refusal)
