"""Sharded launches on real devices: each trains what one device trains. Run by experiments/cluster/gpu_tests.sh."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from places import ROOT
from processes import PATIENCE

from rl.models import load_model, resolve_model

pytestmark = pytest.mark.gpu

RANKS = 2
ROLLOUTS = 16
FEW = (
    "trainer.max_steps=4",
    "trainer.num_generations=4",
    "trainer.save_steps=2",
    "trainer.tokens_per_micro_batch=600",
    "trainer.bf16=false",
    "data.train.options.n=64",
    "data.eval.options.n=16",
    "evaluation.budget=40",
)


def launch(config: str, ranks: int, out: Path) -> str:
    if ranks > 1 and torch.cuda.device_count() < ranks:
        pytest.skip(f"needs {ranks} CUDA devices")
    accelerate = Path(sys.executable).with_name("accelerate")
    options = ["--config_file", str(ROOT / "experiments/cluster" / config), "--num_processes", str(ranks)]
    size = f"trainer.per_device_train_batch_size={ROLLOUTS // ranks}"
    done = subprocess.run(
        [
            *(str(accelerate), "launch", *options, "--mixed_precision", "no", "-m", "rl.train", "demo-dler"),
            *(*FEW, size, "--quiet", "--out", str(out)),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def weights(model: Path) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in load_model(str(model)).parameters()])


@pytest.mark.parametrize("config", ["ddp.yaml", "fsdp2.yaml", "zero2.yaml", "zero3_offload.yaml"])
def test_a_launch_trains_what_one_device_does_and_resumes(config: str, tmp_path: Path) -> None:
    if config.startswith("zero"):
        pytest.importorskip("deepspeed")
    launch("one_gpu.yaml", 1, tmp_path / "one")
    launch(config, RANKS, tmp_path / "many")
    start, end = weights(Path(resolve_model("demo"))), weights(tmp_path / "one/final")
    assert (weights(tmp_path / "many/final") - end).norm() < 0.05 * (end - start).norm()
    shutil.copytree(tmp_path / "many", tmp_path / "broken")
    for lost in ("final", "report", "checkpoints/checkpoint-4"):
        shutil.rmtree(tmp_path / "broken" / lost)
    assert "goes on from checkpoint-2" in launch(config, RANKS, tmp_path / "broken")
    assert torch.allclose(weights(tmp_path / "broken/final"), weights(tmp_path / "many/final"), atol=1e-5)
