"""Estimators from elsewhere: by file, module and entry point, as a class or a function, and what is refused."""

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from makers import Rounds
from torch import Tensor

import rl.credit
from rl.credit.calling import names
from rl.credit.calling.estimator import Estimator
from rl.credit.calling.names import built_in_names
from rl.errors import UserError
from rl.folders import checkpoints
from rl.plugins import built_in, find
from rl.recipe.files import load_recipe
from rl.recipe.trainer_config import trainer_config

REWARDS = torch.tensor([1.0, 0.0, 3.0, 0.0])
LENGTHS = torch.tensor([10.0, 20.0, 30.0, 40.0])

MINE = """
def scaled(rewards, group_size, lengths, scale=1.0):
    return scale * rewards.nan_to_num(0.0)

def free(rewards, group_size, lengths, **options):
    return rewards.nan_to_num(0.0) + options['shift']

def apart(rewards, group_size, lengths, weights, power=1):
    return (rewards.nan_to_num(0.0) ** power) @ rewards.new_tensor(weights)

class Scaled:
    def __init__(self, scale=1.0):
        if scale < 0:
            raise ValueError(f'scale must be at least 0, not {scale}')
        self.scale = scale

    def __call__(self, rewards, group_size, lengths):
        return self.scale * rewards.nan_to_num(0.0)

class Counting:
    def __init__(self):
        self.calls = 0

    def __call__(self, rewards, group_size, lengths):
        self.calls += 1
        return rewards.nan_to_num(0.0) * self.calls

    def state_dict(self):
        return {'calls': self.calls}

    def load_state_dict(self, state):
        self.calls = state['calls']

class Untellable(Counting):
    def state_dict(self):
        return {'calls': object()}

class Inert: ...

three = 3
"""


@pytest.fixture(autouse=True)
def _mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)


def estimated(estimator: Estimator) -> list[float]:
    terms = torch.stack([REWARDS, LENGTHS], dim=1)
    return list(estimator(terms, REWARDS, 2, LENGTHS).tolist())


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("mine.py:scaled", {}, [1, 0, 3, 0]),
        ("mine.py:scaled", {"scale": 2}, [2, 0, 6, 0]),
        ("mine.py:Scaled", {"scale": 2}, [2, 0, 6, 0]),
        ("mine.py:free", {"shift": 1}, [2, 1, 4, 1]),
        ("mine.py:apart", {}, [1 + 5, 10, 3 + 15, 20]),  # weights 1 and 1/2 on rewards and lengths
        ("mine.py:apart", {"power": 2}, [1 + 50, 200, 9 + 450, 800]),
        ("rl.credit.none:Unchanged", {}, [1, 0, 3, 0]),
    ],
)
def test_a_class_or_a_function_comes_by_file_and_by_module(
    name: str, options: dict[str, Any], expected: list[float]
) -> None:
    assert estimated(Estimator(name, options, weights=[1.0, 0.5])) == expected


def test_one_comes_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("theirs", "rl.credit.centred:Centred", "lengthwise.advantages")
    for module in (find, names):
        monkeypatch.setattr(module, "entry_points", lambda group: [entry] if group == entry.group else [])
    assert estimated(Estimator("theirs")) == [0.5, -0.5, 1.5, -1.5]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mine.py:scald", {}, "unknown name in mine.py for advantage estimator 'scald'; did you mean 'scaled'?"),
        ("absent.py:scaled", {}, "plug-in file 'absent.py' does not exist"),
        ("mine.py:three", {}, "advantage estimator 'mine.py:three' is neither a class nor a function"),
        ("mine.py:Inert", {}, "advantage estimator 'mine.py:Inert' cannot be called"),
        ("mine.py:scaled", {"scal": 1}, "unknown option of advantage estimator 'mine.py:scaled' 'scal'; did you mean 'scale'?"),
        ("mine.py:scaled", {"lengths": 1}, "unknown option of advantage estimator 'mine.py:scaled' 'lengths'"),
        ("mine.py:apart", {"weights": [1]}, "unknown option of advantage estimator 'mine.py:apart' 'weights'"),
        ("mine.py:Scaled", {"scal": 1}, "unknown option of advantage estimator 'mine.py:Scaled' 'scal'; did you mean 'scale'?"),
        ("mine.py:Scaled", {"scale": -1}, "advantage estimator 'mine.py:Scaled': scale must be at least 0, not -1"),
        ("mine.py:scaled", {"scale": "x"}, "advantage estimator 'mine.py:scaled' raised TypeError"),
        ("mine.py:free", {"shft": 1}, "advantage estimator 'mine.py:free' raised KeyError: 'shift' (mine.py:6); its options are {'shft': 1}"),
        ("mine.py:Untellable", {}, "advantage estimator 'mine.py:Untellable': its state_dict is no plain JSON"),
    ],
)  # fmt: skip
def test_one_that_cannot_be_had_is_one_clear_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        Estimator(name, options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("rewards - rewards.nanmean()", "gave NaN; a reward that nobody judged is NaN and wants advantage 0"),
        ("rewards.nan_to_num(0.0) / 0", "gave NaN"),
        ("(rewards.nan_to_num(1.0) + 1) / 0", "gave an infinite advantage"),
        ("rewards[:2]", "gave shape (2,) for 128 rollouts; it must give a tensor (128,)"),
        ("rewards.view(-1, 1).nan_to_num(0.0)", "gave shape (128, 1) for 128 rollouts"),
        ("rewards.tolist()", "gave list for 128 rollouts"),
        ("None", "gave NoneType for 128 rollouts"),
    ],
)
def test_a_result_that_cannot_be_is_refused_before_anything_is_trained(body: str, message: str) -> None:
    Path("bad.py").write_text(f"def bad(rewards, group_size, lengths):\n    return {body}\n")
    recipe = load_recipe("demo-grpo", ["advantage=bad.py:bad"])
    with pytest.raises(UserError) as refused:
        trainer_config(recipe, Path("out"), 60)
    assert f"advantage estimator 'bad.py:bad' {message}" in str(refused.value)
    assert "tried on two groups of 64" in str(refused.value)


def test_a_result_that_cannot_be_is_refused_in_training_too() -> None:
    Path("bad.py").write_text(
        "def bad(rewards, group_size, lengths):\n    return rewards.nan_to_num(0.0) / (lengths - 20)\n"
    )
    with pytest.raises(UserError, match=r"advantage estimator 'bad\.py:bad' gave NaN"):
        estimated(Estimator("bad.py:bad"))


def test_whole_numbers_become_advantages_and_nothing_is_changed_in_place() -> None:
    Path("ints.py").write_text(
        "def ints(rewards, group_size, lengths):\n    rewards.nan_to_num_(0.0).mul_(2)\n    lengths.zero_()\n    return rewards.int()\n"
    )
    before = REWARDS.clone(), LENGTHS.clone()
    result: Tensor = Estimator("ints.py:ints")(REWARDS.view(4, 1), REWARDS, 2, LENGTHS)
    assert (result.dtype, result.tolist()) == (torch.float32, [2, 0, 6, 0])
    assert torch.equal(REWARDS, before[0])
    assert torch.equal(LENGTHS, before[1])


def test_what_was_tried_is_forgotten_and_what_was_called_is_kept() -> None:
    first, second = Estimator("mine.py:Counting"), Estimator("mine.py:Counting")
    assert first.state_dict() == {"calls": 0}
    estimated(first)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert estimated(second) == [2, 0, 6, 0]


def test_a_recipe_names_one_with_its_options_and_its_memory_is_part_of_a_checkpoint(
    make_trainer: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = load_recipe("demo-grpo", ["advantage={name: mine.py:scaled, scale: 2.0}"])
    assert recipe.to_dict()["advantage"] == {"name": "mine.py:scaled", "scale": 2.0}
    config = trainer_config(recipe, tmp_path, 60)
    assert (config.advantage, config.advantage_options) == ("mine.py:scaled", {"scale": 2.0})

    def run(steps: int, resume: str | None = None) -> list[Any]:
        rounds = Rounds()
        trainer = make_trainer(
            on_round=rounds, advantage="mine.py:Counting", max_steps=steps, save_strategy="steps", save_steps=2
        )
        trainer.train(resume_from_checkpoint=resume)
        assert trainer.rounds.estimator.state_dict() == {"calls": steps // 2}
        return list(rounds)

    run(2)
    (second,) = run(4, str(checkpoints.latest(tmp_path / "checkpoints")))
    assert torch.equal(second.advantages, 2 * torch.cat([s.totals for s in second.batch]))


def test_an_estimator_stands_in_the_file_of_its_name() -> None:
    assert set(built_in_names()) == set(built_in(rl.credit, "__call__"))
