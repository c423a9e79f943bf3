"""A recipe trained by two workers on the real vLLM, one of which is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
from processes import PATIENCE

from rl.folders.run import RunFolder
from rl.run.train import train

KEY = "a-key-for-tests"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Worker:
    """`lengthwise serve` on one port for all its lives, in a process group of its own."""

    port: int = field(default_factory=_free_port)
    process: Any = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = ["--model", "demo", "--port", str(self.port), "--max-model-len", "256", "--api-key-env", "TEST_KEY"]
        command = [sys.executable, "-m", "rl.cli", "serve", *options]
        environment = {**os.environ, "TEST_KEY": KEY}
        self.process = subprocess.Popen(command, env=environment, start_new_session=True)

    def ready(self) -> Worker:
        last = time.monotonic() + PATIENCE
        while time.monotonic() < last:
            assert self.process.poll() is None, "the worker ended while it started"
            try:
                httpx2.get(f"{self.address}/health", trust_env=False)
                return self
            except httpx2.TransportError:
                time.sleep(0.5)
        raise AssertionError("the worker did not start")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def requests(self) -> float:
        """Rollouts that it has finished in this life."""
        answer = httpx2.get(f"{self.address}/metrics", headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)
        lines = [line for line in answer.text.splitlines() if line.startswith("vllm:request_success_total")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    made = [Worker(), Worker()]
    for worker in made:
        worker.start()
    try:
        yield [worker.ready() for worker in made]
    finally:
        for worker in made:
            if worker.process.poll() is None:
                worker.kill()


@pytest.fixture
def few(workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides: rounds of 16 rollouts, two updates each, by both workers."""
    monkeypatch.setenv("LENGTHWISE_TEST_KEY", KEY)
    addresses = ", ".join(worker.address for worker in workers)
    return [
        "rollouts.engine=workers",
        f"rollouts.workers=[{addresses}]",
        "rollouts.pool.api_key_env=LENGTHWISE_TEST_KEY",
        "rollouts.pool.in_flight=2",
        "rollouts.wait_minutes=3",
        "trainer.max_steps=8",
        "trainer.per_device_train_batch_size=16",
        "trainer.num_generations=4",
        "sampling.dynamic=false",
        "data.train.options.n=64",
        "data.eval=null",
    ]


def assert_each_rollout_once(run: RunFolder, rounds: int) -> None:
    tables = [pq.read_table(path).to_pylist() for path in sorted(run.rollouts.glob("*.parquet"))]
    assert len(tables) == rounds
    for rows in tables:
        assert len(rows) == 32
        assert set(Counter(row["problem_id"] for row in rows).values()) == {4}


@pytest.mark.slow
def test_a_worker_killed_in_mid_round_costs_no_rollout_and_serves_again(
    few: list[str], workers: list[Worker], tmp_path: Path
) -> None:
    def kill_and_restart() -> None:
        before = workers[1].requests()
        while workers[1].requests() < before + 10:
            time.sleep(0.05)
        workers[1].kill()
        workers[1].start()

    killer = threading.Thread(target=kill_and_restart)
    killer.start()
    run = train("demo-dler", few, tmp_path / "run", quiet=True)
    killer.join()
    assert_each_rollout_once(run, rounds=4)
    logged = run.logged()
    assert sum(line.get("rollouts/worker_failures") or 0 for line in logged) == 1
    assert sum(line.get("rollouts/retried") or 0 for line in logged) >= 1
    workers[1].ready()
    again = train("demo-dler", few, tmp_path / "again", quiet=True)
    assert_each_rollout_once(again, rounds=4)
    assert sum(line.get("rollouts/worker_failures") or 0 for line in again.logged()) == 0
    assert workers[1].requests() >= 32


def test_a_round_is_sampled_while_another_trains(few: list[str], tmp_path: Path) -> None:
    run = train("demo-dler", [*few, "rollouts.max_staleness=1"], tmp_path / "run", quiet=True)
    assert_each_rollout_once(run, rounds=4)
    rows = [row for path in run.rollouts.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {(row["step"], row["weight_version"]) for row in rows} == {(0, 0), (2, 0), (4, 2), (6, 4)}
    first = next(line for line in run.logged() if "sampling/importance_sampling_ratio/mean" in line)
    assert first["sampling/sampling_logp_difference/mean"] < 1e-4
