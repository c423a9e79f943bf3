"""A process that nobody launched, on a machine of several GPUs that is not there."""

import os
import subprocess
import sys

import pytest
import torch
from places import ROOT
from processes import PATIENCE

from rl.launch.devices import BY_LAUNCHER, take_one_device


def seen() -> int:
    """As the driver counts, on a machine of four: those that the variable names."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    return len([device for device in visible.split(",") if device])


@pytest.mark.parametrize(
    ("environment", "left", "said"),
    [
        ({}, "0", "takes one of 4 GPUs, 0;"),
        ({"CUDA_VISIBLE_DEVICES": "2,1"}, "2", "takes one of 2 GPUs, 2;"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8f2, GPU-1a"}, "GPU-8f2", "takes one of 2 GPUs, GPU-8f2;"),
        ({"CUDA_VISIBLE_DEVICES": "3"}, "3", ""),
        ({"CUDA_VISIBLE_DEVICES": ""}, "", ""),
        ({"LOCAL_RANK": "0"}, None, ""),
        ({"WORLD_SIZE": "1", "CUDA_VISIBLE_DEVICES": "0,1"}, "0,1", ""),
    ],
)
def test_a_process_takes_one_device_unless_a_launcher_started_it(
    environment: dict[str, str],
    left: str | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", seen)
    for name in (*BY_LAUNCHER, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    take_one_device()
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == left
    line = " ".join(capsys.readouterr().err.split())
    assert said in line if said else line == ""


COMMAND = """
import os
import torch
asked = []
torch.cuda.is_available = lambda: asked.append(os.environ.get("CUDA_VISIBLE_DEVICES")) or False
torch.cuda.device_count = lambda: 2 - ("CUDA_VISIBLE_DEVICES" in os.environ)
from rl.cli import run_command
try:
    run_command(["train", "demo-dler", "data.train=absent.jsonl"])
except SystemExit as stop:
    print(asked, stop.code)
"""


def test_it_has_taken_it_before_anything_starts_cuda() -> None:
    """To ask whether CUDA is there starts it."""
    environment = {name: value for name, value in os.environ.items() if name not in (*BY_LAUNCHER,)}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND],
        env={**environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    said, _, code = done.stdout.strip().rpartition(" ")
    assert code == "2", done.stderr[-2000:]
    assert set(said.strip("[]").split(", ")) == {"'0'"}
