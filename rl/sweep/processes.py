"""Training runs as processes of their own, one torch thread each."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

from rl.folders.run import RunFolder, write_text
from rl.recipe.parts import Recipe


def start_training(recipe: Recipe, run: RunFolder) -> subprocess.Popen[bytes]:
    """Train `recipe` in another process; its recipe file and its output lie beside the run's folder."""
    recipe_file = run.path.with_suffix(".yaml")
    write_text(recipe_file, recipe.to_yaml())
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log_of(run).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "rl.train", str(recipe_file), "--out", str(run.path), "--quiet"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=die_with_parent,
        )


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, kill -9 included (Linux)."""
    PR_SET_PDEATHSIG = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def log_of(run: RunFolder) -> Path:
    """Where a run's process writes what it prints."""
    return run.path.with_suffix(".log")


def how_it_ended(process: subprocess.Popen[bytes], run: RunFolder) -> str:
    """The exit code of a failed run and the last line it printed."""
    log = log_of(run)
    last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
    return f"ended with exit code {process.returncode}: {last} (all of it in {log})"
