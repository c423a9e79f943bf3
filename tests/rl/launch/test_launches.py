"""One run on one, two and four ranks, and in a queue that takes its machine away: the results are one run's."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from places import ROOT
from processes import PATIENCE

from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.models import load_model, resolve_model

pytestmark = pytest.mark.slow

ROLLOUTS = 16
"""Of an update."""
FEW = (
    "trainer.max_steps=8",
    "trainer.num_generations=4",
    "trainer.save_steps=2",
    "trainer.tokens_per_micro_batch=600",
    "data.train.options.n=64",
    "data.eval=null",
)


def start(
    out: Path, ranks: int, environment: dict[str, str] | None = None, steps: int = 8, recipe: Path | None = None
) -> "subprocess.Popen[str]":
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)] if ranks > 1 else []
    size = f"trainer.per_device_train_batch_size={ROLLOUTS // ranks}"
    given = [str(recipe)] if recipe else ["demo-dler", *FEW, f"trainer.max_steps={steps}", size]
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "rl.train", *given, "--quiet", "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(
    out: Path, ranks: int = 1, environment: dict[str, str] | None = None, steps: int = 8, recipe: Path | None = None
) -> str:
    process = start(out, ranks, environment, steps, recipe)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said[-3000:]
    return said


def weights(model: Path) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in load_model(str(model)).parameters()])


def apart(run: Path, other: Path) -> float:
    """Distance of two runs' models, over the way that the second has gone."""
    begin, end = weights(Path(resolve_model("demo"))), weights(other / "final")
    return float((weights(run / "final") - end).norm() / (end - begin).norm())


def drawn(run: Path) -> list[Any]:
    rounds = [pq.read_table(file).to_pylist() for file in sorted(run.glob("rollouts/*.parquet"))]
    return [[(row["problem_id"], row["token_ids"], row["advantage"]) for row in rows] for rows in rounds]


def test_two_and_four_ranks_end_with_the_model_of_one(tmp_path: Path) -> None:
    train(tmp_path / "1", steps=4)
    for ranks in (2, 4):
        run = tmp_path / str(ranks)
        train(run, ranks, steps=4)
        assert drawn(run)[0] == drawn(tmp_path / "1")[0]
        assert apart(run, tmp_path / "1") < 1e-3


def test_a_run_of_epochs_goes_on_with_two_ranks_to_the_step_and_by_the_rates_of_one(tmp_path: Path) -> None:
    recipe = tmp_path / "epochs.yaml"
    for batch, rollouts in (("batch: {groups: 2}", 8), ("", 16)):  # without it, 8 of each rank
        size = "" if batch else ", per_device_train_batch_size: 8, steps_per_generation: 1"
        recipe.write_text(
            "name: epochs\nmodel: demo\ndata: {train: {source: demo, options: {n: 12}}}\nrewards: [correct]\n"
            f"budget: {{name: constant, tokens: 20}}\n{batch}\ntrainer: {{num_generations: 4, save_steps: 4, "
            f"gradient_checkpointing: false, num_train_epochs: 1, learning_rate: 1.0e-4{size}}}\n"
        )
        whole, broken = tmp_path / f"whole-{rollouts}", tmp_path / f"broken-{rollouts}"
        train(whole, recipe=recipe)
        shutil.copytree(whole, broken)
        for lost in ("final", "report", "checkpoints/checkpoint-6"):
            shutil.rmtree(broken / lost)
        said = train(broken, ranks=2, recipe=recipe)
        assert ("goes on with 4 groups a round, not 2" in said) == (not batch)
        rates = [[line["learning_rate"] for line in RunFolder(run).logged()] for run in (whole, broken)]
        assert len(rates[0]) == 6
        assert rates[0] == rates[1]
        assert [len(rows) for rows in drawn(broken)] == [8, 8, 8, 8, rollouts, rollouts]


def test_a_job_that_is_preempted_and_requeued_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    queue = {"SLURM_JOB_ID": "17", "SLURM_JOB_NAME": "lengthwise", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
    train(tmp_path / "unbroken", environment=queue)
    process = start(tmp_path / "run", 1, queue)
    while not checkpoints.latest(tmp_path / "run/checkpoints"):
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert not (tmp_path / "run/final").exists()
    said = train(tmp_path / "run", environment={**queue, "SLURM_RESTART_COUNT": "1"})
    assert "goes on from checkpoint-" in said
    assert torch.equal(weights(tmp_path / "run/final"), weights(tmp_path / "unbroken/final"))
    assert drawn(tmp_path / "run") == drawn(tmp_path / "unbroken")
    timing = ("time", "step_time", "verifier/seconds")
    logged = [
        [
            {name: value for name, value in line.items() if name not in timing}
            for line in RunFolder(tmp_path / name).logged()
        ]
        for name in ("run", "unbroken")
    ]
    assert [sorted(line) for line in logged[0]] == [sorted(line) for line in logged[1]]
    assert [line["loss"] for line in logged[0] if "loss" in line] == [
        line["loss"] for line in logged[1] if "loss" in line
    ]
