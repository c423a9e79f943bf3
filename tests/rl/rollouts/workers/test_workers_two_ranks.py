"""Two ranks that share their workers, which are killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from places import ROOT
from processes import PATIENCE
from workers import FakeWorker, fake_workers

from rl.folders.run import RunFolder
from rl.models import resolve_model
from rl.run.train import train

pytestmark = pytest.mark.slow

FEW = (
    "trainer.max_steps=6",
    "trainer.num_generations=4",
    "trainer.save_steps=100",
    "sampling.dynamic=false",
    "data.train.options.n=64",
    "data.eval=null",
)


@pytest.fixture(scope="module")
def workers() -> Iterator[list[FakeWorker]]:
    with fake_workers(2, "--model", str(resolve_model("demo"))) as started:
        yield started


Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(workers: list[FakeWorker], tmp_path: Path) -> Launch:
    def start(name: str, *overrides: str) -> Any:
        addresses = ", ".join(worker.address for worker in workers)
        by_workers = ["rollouts.engine=workers", f"rollouts.workers=[{addresses}]", "rollouts.pool.in_flight=4"]
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
        return subprocess.Popen(
            [
                *command,
                *("rl.train", "demo-dler", *FEW, *by_workers, "trainer.per_device_train_batch_size=8", *overrides),
                *("--quiet", "--out", str(tmp_path / name)),
            ],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def rows_of(folder: Path) -> list[list[dict[str, Any]]]:
    return [pq.read_table(file).to_pylist() for file in sorted(folder.glob("rollouts/*.parquet"))]


def wait_for(worker: FakeWorker, process: Any, **least: int) -> None:
    while any(worker.seen().get(name, 0) < count for name, count in least.items()):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)


def test_two_ranks_share_the_workers_and_lose_no_rollout_with_one(
    launch: Launch, workers: list[FakeWorker], tmp_path: Path
) -> None:
    for worker in workers:
        worker.goes("well", seconds=0.05)
    process = launch("two", "rollouts.max_staleness=1", "trainer.vllm_importance_sampling_correction=false")
    wait_for(workers[1], process, loads=2)
    wait_for(workers[1], process, **{"under way": 2})
    workers[1].kill()
    workers[1].start()
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    rounds = rows_of(tmp_path / "two")
    assert [len(rows) for rows in rounds] == [32] * 3
    one = train("demo-dler", [*FEW, "trainer.per_device_train_batch_size=16"], tmp_path / "one", quiet=True)
    first = rows_of(one.path)[0]
    assert [row["token_ids"] for row in rounds[0]] == [row["token_ids"] for row in first]
    logged = RunFolder(tmp_path / "two").logged()
    assert sum(line.get("rollouts/worker_failures") or 0 for line in logged) == 1
    staleness = [line["rollouts/staleness"] for line in logged if "rollouts/staleness" in line]
    assert staleness[0] == 0
    assert all(0 < each <= 1 for each in staleness[1:])  # a worker that comes back has newer weights than are needed


def test_two_ranks_that_lose_all_workers_are_saved_and_end_and_go_on(
    launch: Launch, workers: list[FakeWorker], tmp_path: Path
) -> None:
    for worker in workers:
        worker.goes("well", seconds=0.05)
    process = launch("run", "rollouts.wait_minutes=0.05")
    wait_for(workers[0], process, loads=2)
    for worker in workers:
        worker.kill()
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "no rollout worker serves" in line
    assert "checkpoint-2; start workers, and the same command again" in line
    for worker in workers:
        worker.start()
    process = launch("run", "rollouts.wait_minutes=1")
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert "goes on from checkpoint-2" in said
    assert [len(rows) for rows in rows_of(tmp_path / "run")] == [32] * 3
