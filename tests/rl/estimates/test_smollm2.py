"""Estimated memory against measured, on a real model; `experiments/benchmarks/memory_estimate.py` has more settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rl.dry_run import dry_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
BENCHMARK = ROOT / "experiments/benchmarks/memory_estimate.py"


@pytest.mark.parametrize(
    ("setting", "overrides"),
    [
        ("plain", ["budget.tokens=96"]),
        ("sequence_chunk 64", ["budget.tokens=192", "trainer.sequence_chunk=64"]),
    ],
)
def test_a_runs_peak_above_its_process_at_rest_is_estimated_within_a_fifth(setting: str, overrides: list[str]) -> None:
    place = os.environ.get("LENGTHWISE_SMOLLM2")
    if not place:
        pytest.skip("LENGTHWISE_SMOLLM2 names no folder with SmolLM2-135M")
    trim = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), setting],
        env={**os.environ, **trim, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout)["measured"]
    sizes = ["trainer.per_device_train_batch_size=4", "trainer.num_generations=4", "trainer.steps_per_generation=1"]
    found = dry_run("demo-grpo", [f"model={place}", "data.eval=null", "data.train.options.n=64", *sizes, *overrides])
    assert found.estimates["demo-grpo"].memory.peak == pytest.approx(measured, rel=0.2)
