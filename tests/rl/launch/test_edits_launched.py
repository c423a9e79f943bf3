"""Edits, askings, token credit and split budgets on two ranks by the launch files that ship: one rank's rollouts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from launches import CLUSTER
from places import ROOT
from processes import PATIENCE

from rl.folders.run import RunFolder
from rl.run.train import train

Row = dict[str, Any]
FEW = (
    "data.train.options.n=16",
    "data.eval=null",
    "trainer.learning_rate=1e-7",  # of what only rounding tells apart, Adam makes whole steps
    "trainer.tokens_per_micro_batch=1200",  # whose updates are the same on any number of ranks
)
ALL_AT_ONCE = [
    *FEW, "budget={name: split, thinking: 48, answer: 32}", "trainer.num_generations=14",
    "sampling={dynamic: true, max_rounds: 2}",
]  # fmt: skip
"""Of BRPO: a prefix, a closing, branches, what each forces, credit a token, and groups that wait for the next round."""
OF_RANKS = (
    "time",
    "step_time",
    "verifier/seconds",
    "packing/micro_batches",
    "packing/padding",
    "packing/imbalance",
    "packing/imbalance_measured",
)
"""What ranks may change: seconds, in which micro-batch a rollout is, and how even they are."""


def launch(*words: str) -> str:
    """What two ranks said that the shipped file starts: in float32, since bf16 rounds otherwise on one rank than two."""
    file = ["--config_file", str(CLUSTER / "ddp.yaml"), "--num_processes", "2", "--mixed_precision", "no"]
    done = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", *file, "--main_process_port", "0", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def rounds(run: Path) -> list[list[Row]]:
    return [pq.read_table(file).to_pylist() for file in sorted((run / "rollouts").iterdir())]


def assert_same(run: Path, other: Path) -> None:
    """Rollouts, rewards and advantages to the last bit; metrics as far as sums in another order are the same."""
    assert rounds(run) == rounds(other)
    logged = [
        [{name: value for name, value in line.items() if name not in OF_RANKS} for line in RunFolder(each).logged()]
        for each in (run, other)
    ]
    assert len(logged[0]) == len(logged[1]) > 0
    for one, two in zip(*logged, strict=True):
        assert one == pytest.approx(two, rel=1e-4, abs=1e-6, nan_ok=True)


def count(spans: list[list[int]]) -> int:
    return sum(end - begin for begin, end in spans)


def places(spans: list[list[int]]) -> set[int]:
    return {place for begin, end in spans for place in range(begin, end)}


def sampled(row: Row) -> int:
    """Tokens of a rollout that were drawn for it and for no other."""
    return row["length"] - row["branched"] - len([place for place in places(row["forced"]) if place >= row["branched"]])


def assert_forced_tokens_do_not_train(rows: list[Row]) -> None:
    assert any(row["forced"] for row in rows)
    for row in rows:
        assert places(row["forced"]) <= places(row["masked"])


@pytest.mark.slow
def test_prefix_split_budget_branches_and_credit_on_two_ranks_are_one_ranks(tmp_path: Path) -> None:
    recipe, given = "demo-brpo", [*ALL_AT_ONCE, "trainer.max_steps=2", "trainer.steps_per_generation=1"]
    two = ["trainer.per_device_train_batch_size=21", "--quiet", "--out", str(tmp_path / "two")]  # a group astride
    launch("-m", "rl.train", recipe, *given, *two)
    train(recipe, [*given, "trainer.per_device_train_batch_size=42"], tmp_path / "one", quiet=True)
    assert_same(tmp_path / "two", tmp_path / "one")
    found = rounds(tmp_path / "two")
    for rows in found:
        assert_forced_tokens_do_not_train(rows)
        for row in (row for row in rows if row["root"] is not None):  # what is shared trains in the root alone
            assert set(range(row["branched"])) <= places(row["masked"])
    assert any(row["stop"] == "closed" for rows in found for row in rows)
    logged = [line["sampling/tokens"] for line in RunFolder(tmp_path / "two").logged() if "sampling/tokens" in line]
    assert sum(logged) == sum(sampled(row) for rows in found for row in rows)  # the last round keeps nothing back


DEMOS: dict[str, tuple[int, list[str]]] = {
    # rollouts of a micro-batch, and what is set besides
    "demo-dot": (32, ["trainer.kl_cov=null"]),  # whose choice goes by what shares a micro-batch
    "demo-s-grpo": (24, []),
    "demo-elastic": (24, []),
    "demo-thinkless": (24, []),
    "demo-decs": (24, []),
    "demo-adapt-think": (24, []),
}


def trainings(out: Path, ranks: int) -> list[tuple[str, list[str], str]]:
    return [
        (name, [*FEW, "trainer.max_steps=2", "trainer.save_steps=1", "trainer.steps_per_generation=1", f"trainer.per_device_train_batch_size={size // ranks}", *more], str(out / name))
        for name, (size, more) in DEMOS.items()
    ]  # fmt: skip


@pytest.mark.slow
def test_every_kind_of_method_launched_on_two_ranks_gives_one_ranks_run_and_resumes_to_it(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(trainings(tmp_path / "two", 2)))
    script = str(Path(__file__).with_name("trained_ranks.py"))
    launch(script, str(tmp_path / "plan.json"))
    for name, overrides, out in trainings(tmp_path / "one", 1):
        run = train(name, overrides, Path(out), quiet=True).path
        assert_same(tmp_path / "two" / name, run)
        rows = [row for each in rounds(run) for row in each]
        if name == "demo-s-grpo":
            assert_forced_tokens_do_not_train(rows)
        elif name in ("demo-elastic", "demo-adapt-think"):  # which train a closing, and what begins
            assert any(row["forced"] for row in rows)
            assert not any(row["masked"] for row in rows)
        else:
            assert not any(row["forced"] for row in rows)
    unbroken = tmp_path / "unbroken"
    shutil.copytree(tmp_path / "two", unbroken)
    for name in DEMOS:
        for lost in ("final", "report", "checkpoints/checkpoint-2", "rollouts/round-000001.parquet"):
            path = tmp_path / "two" / name / lost
            path.unlink() if path.is_file() else shutil.rmtree(path)
    assert launch(script, str(tmp_path / "plan.json")).count("goes on from checkpoint-1") == len(DEMOS)
    for name in DEMOS:
        assert rounds(tmp_path / "two" / name) == rounds(unbroken / name)
        final = "final/model.safetensors"
        assert (tmp_path / "two" / name / final).read_bytes() == (unbroken / name / final).read_bytes()
