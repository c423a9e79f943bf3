"""FSDP2 for real, on two ranks without CUDA: what it trains is what one rank trains."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from peft import PeftModel
from places import ROOT
from processes import PATIENCE
from workers import fake_workers

from rl.models import load_model, resolve_model
from rl.run.train import train

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("fsdp_ranks.py")
FEW = (
    "trainer.max_steps=4",
    "trainer.num_generations=4",
    "trainer.save_steps=2",
    "trainer.tokens_per_micro_batch=600",  # whose updates are the same on any number of ranks
    "data.train.options.n=64",
    "data.eval.options.n=8",
    "evaluation.budget=40",
)
LORA = ("lora={rank: 8, alpha: 16}", "trainer.learning_rate=1e-3")


def launch(out: Path, *overrides: str) -> str:
    """What two sharded ranks said."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    settings = {
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
        "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
        "FSDP_RESHARD_AFTER_FORWARD": "true",
        "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
    }
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


def weights(model: Path) -> torch.Tensor:
    loaded = load_model(str(model))
    whole = loaded.merge_and_unload() if isinstance(loaded, PeftModel) else loaded
    return torch.cat([parameter.detach().flatten() for parameter in whole.parameters()])


def apart(run: Path, other: Path) -> float:
    """Distance of two runs' models, over the way that the second has gone."""
    start, end = weights(Path(resolve_model("demo"))), weights(other / "final")
    return float((weights(run / "final") - end).norm() / (end - start).norm())


def drawn(run: Path, number: int) -> list[list[int]]:
    return [row["token_ids"] for row in pq.read_table(run / f"rollouts/round-{number:06d}.parquet").to_pylist()]


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
    assert_resumes(tmp_path / "two")


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
