"""Estimated memory against measured, on a real model; `experiments/benchmarks/estimates.py` has more settings."""

import json
import os
import subprocess
import sys

import pytest
from places import ROOT
from processes import PATIENCE

from experiments.benchmarks import estimates
from rl.run.dry_run import dry_run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("setting", ["plain", "sequence_chunk 64"])
def test_a_runs_peak_above_its_process_at_rest_is_estimated_within_a_fifth(setting: str) -> None:
    if not os.environ.get("LENGTHWISE_SMOLLM2"):
        pytest.skip("LENGTHWISE_SMOLLM2 names no folder with SmolLM2-135M")
    done = subprocess.run(
        [sys.executable, str(estimates.__file__), "memory", setting],
        env={**os.environ, **estimates.ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout)["measured"]
    found = dry_run("demo-grpo", estimates.overrides(setting))
    assert found.estimates["demo-grpo"].memory.peak == pytest.approx(measured, rel=0.2)
