"""docs/metrics.md has every name that a run logs, and no other."""

import inspect
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from places import ROOT
from processes import PATIENCE
from trl import GRPOTrainer
from workers import fake_workers

from rewards.correct import Correct
from rewards.length.hapo import Hapo
from rl.errors import UserError
from rl.models import load_config, resolve_model
from rl.recipe.files import load_recipe
from rl.rollouts.workers.engine import WorkersEngine
from rl.rollouts.workers.http import HttpWorker
from rl.rounds.round import Round
from rl.run.prepare import prepare

PAGE = (ROOT / "docs" / "metrics.md").read_text()
NAMES = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
OF_THE_FOLDER = {"time", "stage"}
"""What the run's folder adds."""
NOT_HERE = {"aux_loss"}
"""What the demo model cannot show; TRL's source has it."""
OF_SEVERAL = {"packing/imbalance_measured", "rollouts/length_gap"}
"""Only where an update has several micro-batches, or a run more rounds than these."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[WorkersEngine]:
    demo = str(resolve_model("demo"))
    with fake_workers(1, "--model", demo) as (worker,):
        engine = WorkersEngine([HttpWorker(worker.address, load_config(demo).vocab_size)], tmp_path / "weights", 1.0)
        yield engine
        engine.close()


def logged(trainer: Any) -> set[str]:
    """The names in the lines of a run's training; every one of them is a number."""
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss" in line]
    assert all(isinstance(value, int | float) for line in lines for value in line.values())
    names = {re.sub(r"^rewards/[^/]+/", "rewards/NAME/", name) for line in lines for name in line}
    assert names - set(NAMES) == set()
    return names


def with_credit(round_: Round) -> Round:
    return replace(round_, credits=tuple([1.0] * rollout.length for rollout in round_.rollouts()))


def test_every_name_that_runs_log_is_on_the_page_and_every_name_on_the_page_is_logged(
    make_trainer: Any, engine: WorkersEngine
) -> None:
    assert len(NAMES) == len(set(NAMES))
    found = logged(make_trainer([Correct(), Hapo()], dynamic_sampling=True, beta=0.01))
    found |= logged(make_trainer(tokens_per_micro_batch=2048, entropy_coef=0.01))
    found |= logged(make_trainer(loss_type="cispo", epsilon_high=5.0))
    found |= logged(make_trainer(loss_type="vespo"))
    credited = make_trainer(tokens=40)
    make = credited.rounds.make
    credited.rounds.make = lambda *args: with_credit(make(*args))
    found |= logged(credited)
    found |= logged(make_trainer(engine=engine, correct_rollouts=True, tokens=40))
    found |= logged(make_trainer(oversample=1.5, max_staleness=1, tokens=40))
    assert set(NAMES) - found == OF_THE_FOLDER | NOT_HERE | OF_SEVERAL
    source = inspect.getsource(GRPOTrainer)
    assert all(f'"{name}"' in source for name in NOT_HERE)


def test_numbers_reach_a_reporter_under_their_names(make_trainer: Any) -> None:
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        """As tensorboard, trackio and wandb are told."""

        seen: dict[str, float] = {}  # noqa: RUF012

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            self.seen.update(logs)

    trainer = make_trainer()
    trainer.add_callback(Reporter)
    trainer.train()
    assert {"accuracy", "length/mean", "budget/tokens", "sampling/kept", "verifier/correct"} <= set(Reporter.seen)
    assert all(type(value) in (int, float) for value in Reporter.seen.values())
    assert math.isfinite(Reporter.seen["length/mean"])


def test_a_reporter_that_is_not_installed_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name in ("tensorboard", "trackio", "wandb"):
        try:
            __import__(name)
        except ImportError:
            with pytest.raises(UserError, match=f"trainer.report_to: {name} is not installed; pip install {name}"):
                prepare(load_recipe("demo-grpo", [f"trainer.report_to={name}"]), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensorboard", "trackio", "wandb"])
def test_an_installed_reporter_takes_our_names(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    folders = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "TRACKIO_DIR": str(tmp_path / "trackio")}
    few = ["trainer.max_steps=2", "trainer.num_generations=4", "trainer.per_device_train_batch_size=8"]
    few += ["data.train.options.n=16", "data.eval=null", "budget.tokens=40", f"trainer.report_to={name}"]
    subprocess.run(
        [sys.executable, "-m", "rl.cli", "train", "demo-grpo", *few, "--out", str(tmp_path / "run"), "--quiet"],
        env={**os.environ, **folders, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    written = [path for path in tmp_path.rglob("*") if re.search(r"tfevents|\.wandb$|\.db", path.name)]
    assert b"train/length/truncated" in b"".join(path.read_bytes() for path in written)
