"""Plug-ins that would take the run with them: named, or harmless."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from rewards import Group, History, Problem
from rewards.signatures import Sample
from rl.errors import UserError
from rl.plugins import FunctionReward, judge, load_reward, score_one
from rl.plugins.guard import VARIABLE, guarded

CHAT = [{"role": "user", "content": "1+1?"}]
PROBLEM = Problem("p", CHAT, "2", {"tags": ["sum"]})


def forever() -> None:
    while True:
        time.sleep(0.01)


def values(function: Any) -> list[float | None]:
    reward = FunctionReward(function, "mine")
    return reward.finish(reward.begin([Sample.of(PROBLEM, "2", [3], "", True)], {}), 1)


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0.2")


class Looping:
    name = "looping"

    def __call__(self, group: Group, history: Any) -> list[float]:
        forever()
        return []

    def judge(self, answers: Any, texts: Any) -> list[str]:
        try:
            forever()
        except Exception:  # as code does that retries
            forever()
        return []


@pytest.mark.usefixtures("_soon")
def test_a_plug_in_that_never_returns_is_interrupted_and_named(tmp_path: Path) -> None:
    def mine(completions: Any, **_: Any) -> list[float]:
        forever()
        return []

    def endless(completions: Any, **_: Any) -> Any:
        yield 1.0
        forever()

    async def waiting(completions: Any, **_: Any) -> list[float]:
        import asyncio

        await asyncio.sleep(3600)
        return []

    (tmp_path / "busy.py").write_text("while True:\n    pass\n")
    said = rf"took over 0\.2 s in one call; mend it, or give it more: {VARIABLE}=SECONDS"
    for call, name in (
        (lambda: values(mine), "reward 'mine'"),
        (lambda: values(endless), "reward 'mine'"),
        (lambda: values(waiting), "reward 'mine'"),
        (lambda: score_one(Looping(), Group(PROBLEM, ()), History()), "reward 'looping'"),
        (lambda: judge(Looping(), ["2"], ["2"]), "verifier 'looping'"),  # type: ignore[arg-type]
        (lambda: load_reward(f"{tmp_path}/busy.py:mine", {}), "busy.py:mine'"),
    ):
        with pytest.raises(UserError, match=f"{name} {said}"):
            call()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("soon", "0", "nan", "-1", "inf"):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(UserError, match=f"{VARIABLE} must be a number of seconds above 0, not '{wrong}'"):
            values(lambda completions: [1.0])


def test_a_plug_in_that_ends_the_process_is_named() -> None:
    with pytest.raises(UserError, match=r"reward 'mine' called sys\.exit\(0\)"):
        values(lambda completions: sys.exit(0))


def test_what_a_plug_in_changes_of_the_process_is_put_back(tmp_path: Path) -> None:
    here, out, grad = Path.cwd(), sys.stdout, torch.is_grad_enabled()
    place, before = os.fstat(1), signal.getsignal(signal.SIGTERM)

    def rude(completions: Any) -> list[float]:
        os.chdir(tmp_path)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.close(1)
        sys.stdout = (tmp_path / "mine.txt").open("w")
        return [1.0]

    assert values(rude) == [1.0]
    assert Path.cwd() == here
    assert (torch.is_grad_enabled(), torch.get_default_dtype()) == (grad, torch.float32)
    assert signal.getsignal(signal.SIGTERM) == before
    assert sys.stdout is out
    assert os.path.samestat(os.fstat(1), place)


def test_a_closed_standard_output_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out.txt").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert values(lambda completions: [file.close() or 1.0]) == [1.0]
        assert not sys.stdout.closed


def test_a_forked_child_that_returns_ends_where_the_plug_in_was_called(tmp_path: Path) -> None:
    children: list[int] = []

    def forking(completions: Any) -> list[float]:
        children.append(os.fork())
        return [1.0]

    assert values(forking) == [1.0]
    (tmp_path / str(os.getpid())).touch()  # a child that came this far would leave a second one
    (child,) = children
    assert os.waitpid(child, 0)[1] != 0
    assert len(list(tmp_path.iterdir())) == 1


class Editing:
    name = "editing"

    def __call__(self, group: Group, history: Any) -> list[float]:
        group.problem.prompt[0]["content"] = "edited"  # type: ignore[index]
        group.problem.columns["tags"].append("edited")
        return []


def test_a_plug_in_edits_a_copy_of_prompts_and_columns() -> None:
    def editing(prompts: Any, completions: Any, tags: Any) -> list[float]:
        prompts[0][0]["content"] = "edited"
        prompts[0].append({})
        tags[0].append("edited")
        return [1.0]

    values(editing)
    score_one(Editing(), Group(PROBLEM, ()), History())
    assert PROBLEM.prompt == [{"role": "user", "content": "1+1?"}]
    assert PROBLEM.columns == {"tags": ["sum"]}


def test_an_alarm_of_somebody_else_is_left_alone() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        with guarded("mine"):
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
