"""`lengthwise train` from its start to its report on a pretended device: it runs, with a CPU's figures, and faults show."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from processes import PATIENCE
from safetensors.torch import load_file
from workers import fake_workers

from pretended_cuda import runs
from rl.cli import run_command
from rl.folders.run import RunFolder
from rl.models import resolve_model

CLOCKS = {"time", "step_time", "verifier/seconds"}
"""Metrics that no two runs share."""
CAUGHT = {
    "advantages on the CPU": "coef_1 * advantages",
    "seeds on the CPU": "uniform(self.seeds[rows]",
    "numpy of a device": "column.numpy()",
    "ratios on the CPU": 'inputs["importance_sampling_ratio"]',
    "places on the CPU": "keys > queries",
}
"""What stands in the line at which each fault is caught."""


@pytest.fixture(scope="module")
def worker() -> Iterator[str]:
    with fake_workers(1, "--model", str(resolve_model("demo"))) as (one,):
        yield one.address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, worker: str) -> Path:
    """With the runs on pretended devices, all of one process."""
    folder = tmp_path_factory.mktemp("pretended")
    done = subprocess.run(
        [sys.executable, runs.__file__, str(folder), worker],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return folder


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> Any:
    return json.loads((folder / "outcomes.json").read_text())


def figures(run: Path) -> dict[str, Any]:
    """The figures of each step, and those of each answer before and after."""
    folder = RunFolder(run)
    steps = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    found = {f"{step['step']} {name}": value for step in steps for name, value in step.items() if name not in CLOCKS}
    for when in ("before", "after"):
        rows = pq.read_table(folder.evaluation(when)).to_pylist()
        found |= {f"{when} {place}": (row["stop"], row["completion"]) for place, row in enumerate(rows)}
    return found


def weights(run: Path) -> torch.Tensor:
    return torch.cat([tensor.flatten() for _, tensor in sorted(load_file(run / "final/model.safetensors").items())])


@pytest.mark.parametrize("name", [name for name in runs.RUNS if name != "padding-free"])
def test_a_run_on_a_device_has_the_figures_of_one_on_the_cpu(
    name: str, folder: Path, outcomes: Any, worker: str, tmp_path: Path
) -> None:
    assert outcomes[name] == {"error": None, "lines": []}
    with pytest.raises(SystemExit) as stop:
        run_command(runs.command(name, tmp_path / "cpu", worker))
    assert stop.value.code == 0
    assert figures(folder / name) == figures(tmp_path / "cpu")
    assert torch.equal(weights(folder / name), weights(tmp_path / "cpu"))


def test_rows_without_padding_on_a_device_have_the_figures_of_padded_ones(folder: Path, outcomes: Any) -> None:
    assert outcomes["padding-free"] == {"error": None, "lines": []}
    free, padded = figures(folder / "padding-free"), figures(folder / "chunked")
    for name in ("1 loss", "1 grad_norm", "1 entropy", "2 loss", "2 grad_norm"):
        assert free[name] == pytest.approx(padded[name], rel=1e-3)
    assert free["1 packing/padding"] == 0.0
    assert (weights(folder / "padding-free") - weights(folder / "chunked")).abs().max() < 1e-5


def test_a_run_on_a_device_goes_on_from_its_checkpoint_to_the_same_end(folder: Path, outcomes: Any) -> None:
    assert outcomes["resumed"] == {"error": None, "lines": []}
    assert figures(folder / "resumed") == figures(folder / "packed")
    assert torch.equal(weights(folder / "resumed"), weights(folder / "packed"))


@pytest.mark.parametrize("fault", runs.FAULTY)
def test_a_planted_fault_is_caught_at_its_line(fault: str, outcomes: Any) -> None:
    found = outcomes[fault]
    assert found["error"].startswith(("Refused: ", "TypeError: can't convert cuda:0"))
    assert any(CAUGHT[fault] in line for line in found["lines"])


def test_of_two_devices_a_run_without_a_launcher_takes_one(outcomes: Any) -> None:
    assert outcomes["two devices"] == {"error": None, "lines": []}
