"""Temporary folders: gone with their process, or cleared by the next one."""

import os
import subprocess
import sys
from pathlib import Path

from rl.folders.whole import whole_folder
from rl.scratch import Scratch

LEAVES = """
import os, signal, sys
from pathlib import Path
from rl.scratch import Scratch
(Scratch("weights", Path(sys.argv[1])).path / "model.safetensors").touch()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_cleared_by_the_next_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVES, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob("*/model.safetensors"))) == 1
    alive = f"weights.lengthwise-{os.getpid()}-abcdefgh"  # unlocked, but its process lives
    kept = {"weights", "weights.lengthwise-notes", "mine", alive}
    for name in kept:
        (tmp_path / name).mkdir()
    with Scratch("weights", tmp_path) as first, Scratch("weights", tmp_path) as second:
        assert len(list(tmp_path.glob("*/model.safetensors"))) == 0
        assert first.is_dir()
        assert second.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_a_merge_clears_what_a_killed_one_left_beside_its_output(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVES, str(tmp_path)], check=False)
    with whole_folder(tmp_path / "merged") as folder:
        (folder / "model.safetensors").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]
