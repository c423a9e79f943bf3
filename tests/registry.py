"""Packages that tests put into a folder of their own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest


def installed(packages: Sequence[str], folder: Path, *options: str) -> None:
    """Install packages into a folder; skips the test where the registry is out of reach."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--target", str(folder)]
    done = subprocess.run([*pip, *options, *packages], capture_output=True, text=True, check=False)
    if done.returncode and any(word in done.stderr for word in ("onnection", "No matching distribution", "timed out")):
        pytest.skip(f"the registry does not give {packages[0]}: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
