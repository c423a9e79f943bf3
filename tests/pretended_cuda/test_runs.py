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
from slowly import some
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
def names(request: pytest.FixtureRequest) -> set[str]:
    """Of the runs that the chosen tests look at."""
    here = (item for item in request.session.items if item.path == request.path)
    return {str(item.callspec.params["name"]) for item in here if isinstance(item, pytest.Function)}


@pytest.fixture(scope="module")
def folder(names: set[str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the runs on pretended devices, all of one process."""
    folder = tmp_path_factory.mktemp("pretended")
    asked = "workers" in {runs.FAULTY.get(name, name) for name in names}
    worker = request.getfixturevalue("worker") if asked else "none"
    done = subprocess.run(
        [sys.executable, runs.__file__, str(folder), worker, *names],
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


def train_on_cpu(name: str, folder: Path, worker: str = "none") -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(runs.command(name, folder / "cpu", worker))
    assert stop.value.code == 0


@pytest.mark.parametrize("name", [name for name in runs.RUNS if name != "padding-free"])
def test_a_run_on_a_device_has_the_figures_of_one_on_the_cpu(
    name: str, folder: Path, outcomes: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert outcomes[name] == {"error": None, "lines": []}
    train_on_cpu(name, tmp_path, request.getfixturevalue("worker") if name == "workers" else "none")
    assert figures(folder / name) == figures(tmp_path / "cpu")
    assert torch.equal(weights(folder / name), weights(tmp_path / "cpu"))


@pytest.mark.parametrize("name", ["padding-free"])
def test_rows_without_padding_on_a_device_have_the_figures_of_padded_ones(
    name: str, folder: Path, outcomes: Any, tmp_path: Path
) -> None:
    assert outcomes[name] == {"error": None, "lines": []}
    train_on_cpu(name, tmp_path)
    free, padded = figures(folder / name), figures(tmp_path / "cpu")
    for figure in ("1 loss", "1 grad_norm", "1 entropy", "2 loss", "2 grad_norm"):
        assert free[figure] == pytest.approx(padded[figure], rel=1e-3)
    assert free["1 packing/padding"] == 0.0 < padded["1 packing/padding"]
    assert (weights(folder / name) - weights(tmp_path / "cpu")).abs().max() < 1e-5


@pytest.mark.parametrize("name", some([runs.RESUMED], []))
def test_a_run_on_a_device_goes_on_from_its_checkpoint_to_the_same_end(name: str, folder: Path, outcomes: Any) -> None:
    assert outcomes[name] == {"error": None, "lines": []}
    assert figures(folder / name) == figures(folder / "packed")
    assert torch.equal(weights(folder / name), weights(folder / "packed"))


@pytest.mark.parametrize("name", some(runs.FAULTY, ["seeds on the CPU", "ratios on the CPU", "places on the CPU"]))
def test_a_planted_fault_is_caught_at_its_line(name: str, outcomes: Any) -> None:
    found = outcomes[name]
    assert found["error"].startswith(("Refused: ", "TypeError: can't convert cuda:0"))
    assert any(CAUGHT[name] in line for line in found["lines"])


@pytest.mark.parametrize("name", some([runs.TWO], []))
def test_of_two_devices_a_run_without_a_launcher_takes_one(name: str, outcomes: Any) -> None:
    assert outcomes[name] == {"error": None, "lines": []}
