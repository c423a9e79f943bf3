"""DeepSpeed for real, on two ranks without CUDA, by the files that ship: what they train is what one rank trains."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from launches import CLUSTER
from places import ROOT
from processes import PATIENCE
from registry import installed
from short_runs import FEW, apart, drawn, weights

from rl.folders.run import RunFolder
from rl.run.train import train

pytestmark = pytest.mark.slow

PACKAGES = ("deepspeed", "hjson", "ninja", "py-cpuinfo", "msgpack", "einops")
"""DeepSpeed, and what it needs that is not here."""
LORA = ("lora={rank: 8, alpha: 16}", "trainer.learning_rate=1e-3")
SHARED = ("trainer.sequence_ranks=2", "trainer.tokens_per_micro_batch=100")
"""Rows of more than 50 tokens are shared."""
REFERENCE = ("trainer.beta=0.04", "trainer.max_steps=2", "data.probe={samples: 1}")
Launch = Callable[..., str]


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """What two ranks said that a shipped file starts, in float32 and with nothing in a host's memory."""
    folder = tmp_path_factory.mktemp("deepspeed")
    installed(PACKAGES, folder, "--no-deps")
    here = ("--num_processes", "2", "--mixed_precision", "no", "--main_process_port", "0")
    # The optimiser of a host's memory is compiled as it starts, for minutes.
    on_the_device = ("--offload_optimizer_device", "none", "--offload_param_device", "none")
    command = [sys.executable, "-m", "accelerate.commands.launch", *here, *on_the_device, "--config_file"]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),  # ninja
    }

    def launched(file: str, out: Path, *overrides: str) -> str:
        run = ["-m", "rl.train", "demo-dler", *FEW, "trainer.per_device_train_batch_size=8", *overrides]
        done = subprocess.run(
            [*command, str(CLUSTER / file), *run, "--quiet", "--out", str(out)], env=environment, cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    return launched


@pytest.mark.parametrize("overrides", [(), SHARED, LORA], ids=["all weights", "shared micro-batches", "an adapter"])
@pytest.mark.parametrize("file", ["zero2.yaml", "zero3_offload.yaml"])
def test_two_ranks_train_what_one_rank_does_and_resume_to_it(
    file: str, overrides: tuple[str, ...], launch: Launch, tmp_path: Path
) -> None:
    launch(file, tmp_path / "two", *overrides)
    alone = [each for each in overrides if each != "trainer.sequence_ranks=2"]
    one = train(
        "demo-dler", [*FEW, *alone, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True
    ).path
    assert drawn(one, 0) == drawn(tmp_path / "two", 0)
    assert apart(tmp_path / "two", one) < 1e-3
    shutil.copytree(tmp_path / "two", tmp_path / "broken")
    for lost in ("final", "report", "checkpoints/checkpoint-4"):
        shutil.rmtree(tmp_path / "broken" / lost)
    assert "goes on from checkpoint-2" in launch(file, tmp_path / "broken", *overrides)
    assert torch.equal(weights(tmp_path / "broken/final"), weights(tmp_path / "two/final"))


@pytest.mark.parametrize("file", ["zero2.yaml", "zero3_offload.yaml"])
def test_where_training_starts_from_is_the_reference(file: str, launch: Launch, tmp_path: Path) -> None:
    launch(file, tmp_path / "two", *REFERENCE)
    assert RunFolder(tmp_path / "two").logged()[0]["kl"] == pytest.approx(0.0, abs=1e-6)
    given = [*FEW, *REFERENCE, "trainer.per_device_train_batch_size=16"]
    one = train("demo-dler", given, tmp_path / "one", quiet=True).path
    assert apart(tmp_path / "two", one) < 1e-3
