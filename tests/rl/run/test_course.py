"""A run that goes on with other ranks than it began with."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rl.folders import checkpoints
from rl.run.course import keep_course


def test_a_run_of_epochs_that_goes_on_with_a_larger_batch_ends_at_the_step_it_was_to_end_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for groups, said in ((4, "run goes on with 4 groups a round, not 2: this launch has other ranks"), (2, "")):
        checkpoint = tmp_path / "run/checkpoints/checkpoint-4"
        checkpoint.mkdir(parents=True, exist_ok=True)
        (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": 4, "max_steps": 6}))
        checkpoints.write(checkpoint, {"groups_per_round": 2})
        trainer: Any = SimpleNamespace(args=SimpleNamespace(max_steps=-1, groups_per_round=groups))
        keep_course(trainer, checkpoint)
        assert trainer.args.max_steps == 6
        told = capsys.readouterr().err
        assert said in told
        assert bool(told) == bool(said)
