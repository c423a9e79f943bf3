"""Runs whose ranks share micro-batches end where one rank's does, resume to the same bits, and end where a rank dies."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from places import ROOT
from processes import PATIENCE
from short_runs import FEW, apart, drawn, weights

from rl.folders.run import RunFolder
from rl.run.train import train

pytestmark = pytest.mark.slow

SHARED = (*FEW, "trainer.sequence_ranks=2", "trainer.tokens_per_micro_batch=100")
"""Rows of more than 50 tokens are shared."""


def launch(out: Path, *program: str) -> subprocess.CompletedProcess[str]:
    """Two ranks under DDP that share their micro-batches."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *program]
    return subprocess.run(
        [*command, "demo-dler", *SHARED, "trainer.per_device_train_batch_size=8", "--quiet", "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_two_ranks_train_what_one_does_and_resume_to_the_same_bits(tmp_path: Path) -> None:
    two, broken = tmp_path / "two", tmp_path / "broken"
    done = launch(two, "-m", "rl.train")
    assert done.returncode == 0, done.stdout[-3000:]
    one = train("demo-dler", [*FEW, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True).path
    for number in range(2):
        assert drawn(one, number) == drawn(two, number)
    assert apart(two, one) < 1e-3
    for ours, theirs in zip(RunFolder(two).logged(), RunFolder(one).logged(), strict=True):
        for name in ("loss", "grad_norm", "entropy"):
            assert ours.get(name) == pytest.approx(theirs.get(name), rel=1e-3, abs=1e-6), name
    shutil.copytree(two, broken)
    for lost in ("final", "report", "checkpoints/checkpoint-4"):
        shutil.rmtree(broken / lost)
    done = launch(broken, "-m", "rl.train")
    assert "goes on from checkpoint-2" in done.stdout
    assert torch.equal(weights(broken / "final"), weights(two / "final"))


def test_a_rank_that_dies_is_named_and_the_other_ends(tmp_path: Path) -> None:
    done = launch(tmp_path / "two", str(Path(__file__).with_name("dying_rank.py")))
    assert done.returncode != 0
    assert "rank      : 1" in done.stdout
    assert "SIGKILL" in done.stdout
