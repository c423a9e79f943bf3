"""A run with verifier workers, of which one is killed now and then, for as long as LENGTHWISE_SOAK_MINUTES says: 30.

Its memory, threads, file handles, processes and temporary folders are counted all the while, and are to stay as they are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import fmean, linear_regression, median
from typing import Any

import psutil
import pytest
import yaml
from processes import alive, offspring, wait_until, wait_until_gone

from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.scratch import MARK
from rl.sweep.processes import die_with_parent

MINUTES = float(os.environ.get("LENGTHWISE_SOAK_MINUTES", "30"))
LOOKS = 120
"""How often the run is looked at, from its first checkpoint to its end."""
SETTLED = 0.25
"""Share of the looks after which memory counts: allocators and caches fill up before."""
MOST_GROWTH = 0.1
"""Share by which resident memory may grow over the rest: a step's line in the trainer's history stays in memory."""
JUDGE = """
import os

def judge(gold: str, answer: str) -> bool:
    if answer.strip().endswith("7"):
        os._exit(3)
    return gold.strip() == answer.strip()
"""
RECIPE: dict[str, Any] = {
    "extends": "demo-grpo",
    "name": "soak",
    "data": {
        "train": {"source": "demo", "options": {"split": "train", "n": 64, "seed": 0}},
        "eval": None,
    },
    "verifier": {"name": "judge.py:judge", "seconds": 2, "workers": 2},
    "budget": {"name": "constant", "tokens": 60},
    "trainer": {
        "max_steps": 10**6, "save_steps": 20, "save_total_limit": 2, "num_generations": 4,
        "per_device_train_batch_size": 8, "steps_per_generation": 2, "logging_steps": 1,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What a run holds at one moment; memory in bytes, its workers' included."""

    memory: float
    threads: int
    handles: int
    children: int
    folders: int


def look(process: psutil.Process, temporary: Path) -> Look:
    family = [process, *process.children(recursive=True)]
    memory = 0
    for member in family:
        try:
            memory += member.memory_info().rss
        except psutil.NoSuchProcess:  # a worker that was just killed
            continue
    folders = len(list(temporary.iterdir()))
    return Look(memory, process.num_threads(), process.num_fds(), len(family) - 1, folders)


def start(folder: Path) -> subprocess.Popen[bytes]:
    (folder / "tmp").mkdir(exist_ok=True)
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "rl.train", "recipe.yaml", "--out", "run", "--quiet"],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "TMPDIR": str(folder / "tmp"),
                "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache"),  # torch's own, for all processes to come
                "OMP_NUM_THREADS": "1",
            },
            preexec_fn=die_with_parent,
        )


@pytest.mark.slow
def test_a_long_run_holds_no_more_at_its_end_than_at_its_begin_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(JUDGE)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    run, temporary = RunFolder(tmp_path / "run"), tmp_path / "tmp"
    process = start(tmp_path)
    wait_until(lambda: process.poll() is not None or checkpoints.latest(run.checkpoints), "it has a checkpoint")
    assert process.poll() is None, (tmp_path / "log.txt").read_text()
    looks = []
    for _ in range(LOOKS):
        time.sleep(60 * MINUTES / LOOKS)
        assert process.poll() is None, (tmp_path / "log.txt").read_text()
        looks.append(look(psutil.Process(process.pid), temporary))
    told(looks, run)
    first, last = looks[: LOOKS // 2], looks[LOOKS // 2 :]
    for name in ("threads", "handles", "children", "folders"):
        before, after = ([getattr(each, name) for each in half] for half in (first, last))
        assert median(after) <= max(before), (
            f"{name}: {before}, then {after}"
        )  # a killed worker has a successor beside it
    assert growth([each.memory for each in looks[int(SETTLED * LOOKS) :]]) < MOST_GROWTH

    workers = offspring(process.pid)
    assert workers
    process.kill()  # as the kernel does when memory is short: no word, nothing cleared
    process.wait()
    wait_until_gone(workers)
    left = temporary / f"weights{MARK}{process.pid}-abcdefgh"
    left.mkdir()
    again = start(tmp_path)
    wait_until(lambda: again.poll() is not None or not left.exists(), "the next start has cleared what was left")
    assert again.poll() is None, (tmp_path / "log.txt").read_text()
    wait_until(lambda: "goes on from checkpoint-" in (tmp_path / "log.txt").read_text(), "it goes on")
    workers = offspring(again.pid)
    again.send_signal(signal.SIGTERM)
    assert again.wait(120) == 143
    assert not alive(workers)
    assert not list(temporary.iterdir())


def growth(values: Sequence[float]) -> float:
    """By which share of their mean a line through them rises from the first to the last."""
    slope, _ = linear_regression(range(len(values)), values)
    return slope * (len(values) - 1) / fmean(values)


def told(looks: Sequence[Look], run: RunFolder) -> None:
    """What was seen, for whoever looks at a test that failed, or asks pytest for it by -s."""
    steps = run.logged()[-1]["step"]
    memory, *counts = (list(values) for values in zip(*map(astuple, looks), strict=True))
    mib = [f"{value / 2**20:.0f}" for value in memory[:: LOOKS // 10]]
    print(f"{steps} steps in {MINUTES:g} min; MiB {' '.join(mib)}")
    for name, values in zip(("threads", "handles", "children", "folders"), counts, strict=True):
        print(f"{name}: {min(values)} to {max(values)}, median {median(values):g}")
