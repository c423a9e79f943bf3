"""What tests of the commands share: rollout files, runs, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rl.cli import run_command

Line = dict[str, Any]

CLASS = "class R:\n    name = 'mine'\n    def __call__(self, group, history):\n        rows = group.rollouts\n"
"""The head of a plug-in file: the body of the call is for a test to add."""


def line(length: int, correct: bool | None, stop: str = "eos", budget: int | None = None, **more: Any) -> Line:
    text = more.pop("text", None)
    problem = more.pop("problem_id", "p")
    return {
        "problem_id": problem, "length": length, "correct": correct, "stop": stop, "budget": budget, "text": text, **more,
    }  # fmt: skip


def write(*lines: Line, name: str = "rollouts.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in lines))
    return name


def run(*arguments: str) -> Any:
    """What the command writes to `--json`."""
    with pytest.raises(SystemExit) as stop:
        run_command([*arguments, "--json", "out.json"])
    assert stop.value.code == 0
    return json.loads(Path("out.json").read_text())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before = sorted(Path().iterdir())
    with pytest.raises(SystemExit) as stop:
        run_command([*arguments, "--json", "out.json"])
    assert stop.value.code == 2
    assert sorted(Path().iterdir()) == before
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def score(reward: str, rows: list[Line], *flags: str) -> Any:
    return run("score", "--reward", reward, "--rollouts", write(*rows), *flags)


def reward_line(reward: float | None, problem: str = "p", length: int = 1) -> Line:
    return {"problem_id": problem, "length": length, "reward": reward}
