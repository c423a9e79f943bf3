"""A run small enough for a test, with all that a real one leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rl.cli import run_command

RECIPE = {
    "extends": "demo-dler",
    "name": "short-sums",
    "data": {
        "train": {"source": "demo", "options": {"split": "train", "n": 24, "seed": 0}},
        "eval": {"source": "demo", "options": {"split": "test", "n": 12, "seed": 0}},
    },
    "budget": {"tokens": 80},
    "evaluation": {"budget": 160},
    "sampling": {"dynamic": False},
    "trainer": {
        "max_steps": 4, "save_steps": 2, "num_generations": 4, "per_device_train_batch_size": 8,
        "steps_per_generation": 2, "logging_steps": 1,
    },
}  # fmt: skip


def evaluated_run(folder: Path) -> Path:
    """A run of four steps with two models, at steps 2 and 4, both evaluated."""
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    for arguments in (
        ["train", str(folder / "recipe.yaml"), "--out", str(folder / "run"), "--quiet"],
        ["evaluate", "--run", str(folder / "run"), "--checkpoint", "all"],
    ):
        with pytest.raises(SystemExit) as stop:
            run_command(arguments)
        assert stop.value.code == 0
    return folder / "run"
