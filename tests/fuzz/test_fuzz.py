"""No damaged file and no odd option ends a command in a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import PATIENCE

from fuzz.player import fault_of

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("plays", [15, pytest.param(5000, marks=pytest.mark.slow)])
def test_whatever_is_damaged_a_command_ends_or_says_one_line(plays: int) -> None:
    path = os.pathsep.join((str(TESTS), str(TESTS.parent)))
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "fuzz", "--plays", str(plays)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=4 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    ends = json.loads(done.stdout.splitlines()[-1])
    assert ends["well"] + ends["refused"] == plays
    assert ends["refused"] > ends["well"] / 2  # the damage is felt


@pytest.mark.parametrize(
    ("how", "said", "left", "fault"),
    [
        ("0", "", [], None),
        ("2", "error: no\n", [], None),
        ("KeyError", "", [], "KeyError"),
        ("2", "error: a\nerror: b\n", [], "2 lines on standard error"),
        ("2", "usage\n", [], "1 lines on standard error"),
        ("2", f"error: {'x' * 3000}\n", [], "a line of 3007 characters"),
        ("2", "error: \x1b[2J\n", [], "control characters"),
        ("2", "error: no\n", ["out/half"], "left ['out/half']"),
    ],
)
def test_what_counts_as_a_fault(how: str, said: str, left: list[str], fault: str | None) -> None:
    assert fault_of(how, said, left) == fault
