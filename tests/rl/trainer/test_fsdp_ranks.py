"""FSDP2 for real, on two ranks without CUDA: what it trains is what one rank trains."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from launches import CLUSTER, launch_environment
from places import ROOT
from processes import PATIENCE
from short_runs import FEW, apart, drawn, weights
from workers import fake_workers

from rl.folders.run import RunFolder
from rl.models import load_model, resolve_model
from rl.run.train import train

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("fsdp_ranks.py")
LORA = ("lora={rank: 8, alpha: 16}", "trainer.learning_rate=1e-3")


def launch(out: Path, *overrides: str, **environment: str) -> str:
    """What two sharded ranks said, launched as the shipped file has it but for some of their environment."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    settings = launch_environment(CLUSTER / "fsdp2.yaml") | environment
    done = subprocess.run(
        [
            *command,
            "demo-dler",
            *FEW,
            "trainer.per_device_train_batch_size=8",
            *overrides,
            "--quiet",
            "--out",
            str(out),
        ],
        env={**os.environ, **settings, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def answers(run: Path) -> list[list[dict[str, Any]]]:
    """Of the probe, before and after training."""
    files = ("probe.parquet", "evaluation/before.parquet", "evaluation/after.parquet")
    return [pq.read_table(run / name).to_pylist() for name in files if (run / name).is_file()]


def assert_resumes(run: Path, *overrides: str) -> None:
    """From its checkpoint in the middle, to the weights that it ended with."""
    broken = run.with_name("broken")
    shutil.copytree(run, broken)
    for lost in ("final", "report", "checkpoints/checkpoint-4"):
        shutil.rmtree(broken / lost)
    assert "goes on from checkpoint-2" in launch(broken, *overrides)
    assert torch.equal(weights(broken / "final"), weights(run / "final"))


def test_two_sharded_ranks_train_what_one_rank_does_and_resume_to_it(tmp_path: Path) -> None:
    launch(tmp_path / "two")
    one = train("demo-dler", [*FEW, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True).path
    assert drawn(one, 0) == drawn(tmp_path / "two", 0)
    assert apart(tmp_path / "two", one) < 1e-3
    files = {path.name for path in (tmp_path / "two/checkpoints/checkpoint-4").iterdir()}
    assert files & {"model.safetensors", "pytorch_model_fsdp.bin"} == {"model.safetensors"}  # the weights once
    assert_resumes(tmp_path / "two")


def test_two_sharded_ranks_share_micro_batches_where_their_launcher_says_so(tmp_path: Path) -> None:
    told = {"ACCELERATE_USE_PARALLELISM_CONFIG": "true", "PARALLELISM_CONFIG_SP_SIZE": "2"}
    launch(tmp_path / "two", "trainer.tokens_per_micro_batch=100", **told)  # rows of more than 50 tokens are shared
    one = train("demo-dler", [*FEW, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True).path
    assert drawn(one, 0) == drawn(tmp_path / "two", 0)
    assert apart(tmp_path / "two", one) < 1e-3


def test_the_gradient_of_sharded_ranks_that_share_micro_batches_is_one_ranks(tmp_path: Path) -> None:
    # A step of gradient descent goes where the gradient does, at this rate far enough for single precision to show it.
    step = ("trainer.optim=sgd", "trainer.learning_rate=5.0", "trainer.max_steps=1", "data.eval=null")
    given = (*step, "trainer.lr_scheduler_type=constant", "trainer.tokens_per_micro_batch=100")
    launch(tmp_path / "two", *given, "trainer.sequence_ranks=2")
    one = train(
        "demo-dler", [*FEW, *given, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True
    ).path
    folders = (resolve_model("demo"), tmp_path / "two/final", one / "final")
    start, two, end = (dict(load_model(str(folder)).named_parameters()) for folder in folders)
    for name, values in start.items():
        gone = (end[name] - values).norm()
        assert gone > 0, name
        assert (two[name] - end[name]).norm() <= 1e-5 * gone, name


def test_sharded_ranks_have_their_weights_before_accelerate_brings_them(tmp_path: Path) -> None:
    asked = ("trainer.beta=0.04", "trainer.max_steps=2", "data.probe={samples: 1}")
    launch(tmp_path / "two", *asked, FSDP_CPU_RAM_EFFICIENT_LOADING="true")
    assert RunFolder(tmp_path / "two").logged()[0]["kl"] == 0.0  # where training starts from is the reference
    given = [*FEW, *asked, "trainer.per_device_train_batch_size=16"]
    one = train("demo-dler", given, tmp_path / "one", quiet=True).path
    *before, after = answers(tmp_path / "two")
    assert before == answers(one)[:2]
    assert apart(tmp_path / "two", one) < 1e-3
    shutil.rmtree(tmp_path / "two/report")
    (tmp_path / "two/evaluation/after.parquet").unlink()  # killed as it was answered
    launch(tmp_path / "two", *asked, FSDP_CPU_RAM_EFFICIENT_LOADING="true")
    assert answers(tmp_path / "two")[-1] == after


def test_two_sharded_ranks_bring_whole_weights_to_their_workers(tmp_path: Path) -> None:
    with fake_workers(1, "--model", resolve_model("demo")) as (worker,):
        by_workers = ("rollouts.engine=workers", f"rollouts.workers=[{worker.address}]", "rollouts.check_every=1")
        launch(tmp_path / "two", *by_workers, "trainer.vllm_importance_sampling_correction=false")
        assert worker.seen()["loads"] == 2
    one = train("demo-dler", [*FEW, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True).path
    assert drawn(one, 0) == drawn(tmp_path / "two", 0)
    assert apart(tmp_path / "two", one) < 1e-3


def test_two_sharded_ranks_bring_an_adapter_to_their_workers(tmp_path: Path) -> None:
    with fake_workers(1, "--model", resolve_model("demo"), "--adapter-rank", "8") as (worker,):
        by_workers = ("rollouts.engine=workers", f"rollouts.workers=[{worker.address}]", "rollouts.check_every=1")
        launch(tmp_path / "two", *LORA, *by_workers, "trainer.vllm_importance_sampling_correction=false")
        assert worker.seen()["of the adapter"] == worker.seen()["asked"] > 0
    one = train("demo-dler", [*FEW, *LORA, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True).path
    assert drawn(one, 0) == drawn(tmp_path / "two", 0)
    assert apart(tmp_path / "two", one) < 1e-3


def test_two_sharded_ranks_train_an_adapter_as_one_rank_does_and_resume_to_it(tmp_path: Path) -> None:
    launch(tmp_path / "two", *LORA)
    one = train("demo-dler", [*FEW, *LORA, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True).path
    assert drawn(one, 0) == drawn(tmp_path / "two", 0)
    assert apart(tmp_path / "two", one) < 1e-3
    assert_resumes(tmp_path / "two", *LORA)
