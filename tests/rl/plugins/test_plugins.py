from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from makers import group, rollout

import rewards
from curricula import Constant
from rewards import History, Observer
from rewards.length.hapo import Hapo
from rewards.length.o1_pruner import O1Pruner
from rl.errors import UserError
from rl.plugins import built_in, find, load_budget, load_reward


def test_every_file_of_a_method_is_found_by_its_name() -> None:
    assert {"correct", "truncation", "hapo"} <= set(built_in(rewards, "__call__"))


def test_a_reward_comes_by_module_by_file_and_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n"
        "    name = 'mine'\n"
        "    def __init__(self, factor=1.0): self.factor = factor\n"
        "    def __call__(self, group, history): return [self.factor * r.length for r in group.rollouts]\n"
    )
    by_file = load_reward(f"{tmp_path}/mine.py:Mine", {"factor": 2.0})
    assert by_file(group(rollout(3, 1)), History()) == [6.0]
    assert not isinstance(by_file, Observer)

    by_module = load_reward("rewards.length.hapo:Hapo", {"mode": "mean"})
    assert isinstance(by_module, Hapo)
    assert isinstance(by_module, Observer)

    entry = EntryPoint("theirs", "rewards.length.hapo:Hapo", "lengthwise.rewards")
    monkeypatch.setattr(find, "entry_points", lambda group: [entry] if group == "lengthwise.rewards" else [])
    assert isinstance(load_reward("theirs", {}), Hapo)


def test_a_budget_comes_by_name_and_by_module() -> None:
    for name in ("constant", "curricula.constant:Constant"):
        schedule = load_budget(name, {"tokens": 9})
        assert isinstance(schedule, Constant)
        assert schedule.at(0) == 9


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("X = 5", "X", "neither a LengthReward nor a function"),
        ("raise RuntimeError('boom')", "X", "RuntimeError: boom"),
        ("def near(): ...", "neat", "did you mean 'near'"),
    ],
)
def test_a_plug_in_that_is_none_is_named(tmp_path: Path, source: str, name: str, message: str) -> None:
    (tmp_path / "bad.py").write_text(source)
    with pytest.raises(UserError, match=message):
        load_reward(f"{tmp_path}/bad.py:{name}", {})


def test_options_of_a_function_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("def f(**kwargs): return []")
    with pytest.raises(UserError, match="is a function and takes no options, but got weightt"):
        load_reward(f"{tmp_path}/f.py:f", {"weightt": 1})
    with pytest.raises(UserError, match="does not exist"):
        load_reward("absent.py:f", {})


def test_a_schedule_without_its_methods_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text("class S:\n    maximum = 3")
    with pytest.raises(UserError, match="has no `at\\(step\\)`"):
        load_budget(f"{tmp_path}/s.py:S", {})


def test_a_parameter_that_python_reserves_has_its_plain_name_in_a_recipe() -> None:
    reward = load_reward("o1-pruner", {"lambda": 3.0})
    assert isinstance(reward, O1Pruner)
    assert reward.lambda_ == 3.0
