"""Two ranks with an engine each, and two that share one by tensor parallelism: they draw what one rank draws."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from places import ROOT
from processes import PATIENCE

FEW = (
    "rollouts.engine=vllm",
    "trainer.max_steps=2",
    "trainer.num_generations=4",
    "data.train.options.n=64",
    "data.eval=null",
)


def train(folder: Path, ranks: int, *overrides: str) -> list[tuple[int, ...]]:
    """The token ids of the first round's rollouts."""
    batch = f"trainer.per_device_train_batch_size={32 // ranks}"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)]
    result = subprocess.run(
        [*command, "-m", "rl.train", "demo-dler", *FEW, batch, *overrides, "--out", str(folder), "--quiet"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    rows = pq.read_table(folder / "rollouts/round-000000.parquet").to_pylist()
    assert {row["weight_version"] for row in rows} == {0}
    return [tuple(row["token_ids"]) for row in rows]


@pytest.mark.slow
def test_two_ranks_draw_what_one_does_with_an_engine_each_or_one_between_them(tmp_path: Path) -> None:
    alone = train(tmp_path / "one", 1)
    assert train(tmp_path / "two", 2) == alone
    assert train(tmp_path / "shared", 2, "rollouts.vllm.tensor_parallel_size=2") == alone
