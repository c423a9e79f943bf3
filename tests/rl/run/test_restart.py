"""A run that was killed ends as the one that never was, to the last bit."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from makers import parameters

from experiments.killing.processes import import_ahead, log_of, training
from experiments.killing.same import differences
from rewards.correct import Correct
from rewards.length.hapo import Hapo
from rl.errors import UserError
from rl.folders import checkpoints
from rl.folders.lock import locked
from rl.folders.run import RunFolder, read_metrics
from rl.recipe.files import load_recipe
from rl.run.train import train
from rl.trainer.trainer import LengthGRPOTrainer

SMALL = [
    "trainer.max_steps=6", "trainer.save_steps=2", "trainer.logging_steps=3", "trainer.per_device_train_batch_size=8",
    "trainer.num_generations=4", "data.train.options.n=24", "data.eval.options.n=8", "evaluation.budget=40",
]  # fmt: skip
FULL = {
    "extends": "demo-dler",
    "name": "full",
    "budget": {"name": "split", "thinking": 60, "answer": 8},
    "edits": [{"name": "dot", "alpha": 0.5, "margin": 2}],
    "credit": {"name": "decs"},
}
"""A run that does all that a round may."""


def test_kill_9_at_three_moments_leaves_no_trace(tmp_path: Path) -> None:
    recipe = tmp_path / "full.yaml"
    recipe.write_text(yaml.safe_dump(FULL))
    command = training(str(recipe), SMALL)
    import_ahead()
    unbroken, broken = RunFolder(tmp_path / "unbroken"), RunFolder(tmp_path / "broken")
    command.finish(unbroken.path)
    moments: list[Callable[[], bool]] = [
        broken.recipe.exists,
        lambda: broken.metrics.exists() and len(list(broken.rollouts.glob("*.parquet"))) > 1,
        lambda: any((broken.checkpoints / checkpoints.WRITING).glob("*/*")),
    ]
    killed = [command.kill(broken.path, due) for due in moments]
    command.finish(broken.path)
    assert all(killed)
    assert "goes on from checkpoint-" in log_of(broken.path).read_text()
    assert differences(unbroken, broken) == []
    assert [line["step"] for line in read_metrics(broken.metrics)] == [3, 6]
    rollouts = [row for file in broken.rollouts.glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    assert any(row["forced"] for row in rollouts)
    assert {row["stop"] for row in rollouts} >= {"eos", "closed", "edited"}


@pytest.mark.slow
def test_stages_and_a_probe_survive_kill_9_as_well(tmp_path: Path) -> None:
    recipe = tmp_path / "staged.yaml"
    stages = [{"name": "long"}, {"name": "short", "budget": {"tokens": 40}, "data": {"probe": {"samples": 2}}}]
    recipe.write_text(yaml.safe_dump({"extends": "demo-hapo", "name": "staged", "stages": stages}))
    command = training(str(recipe), [*SMALL, "budget.tokens=60", "trainer.max_steps=4"])
    import_ahead()
    unbroken, broken = RunFolder(tmp_path / "unbroken"), RunFolder(tmp_path / "broken")
    command.finish(unbroken.path)
    long, short = broken.stage(1, "long"), broken.stage(2, "short")
    moments: list[Callable[[], bool]] = [
        lambda: checkpoints.latest(long.checkpoints) is not None,
        short.recipe.exists,
        short.probe.exists,
        lambda: checkpoints.latest(short.checkpoints) is not None,
    ]
    assert all(command.kill(broken.path, due) for due in moments)
    command.finish(broken.path)
    for place, name in enumerate(("long", "short"), 1):
        assert differences(unbroken.stage(place, name), broken.stage(place, name)) == []
    assert [line["step"] for line in broken.logged()] == [line["step"] for line in unbroken.logged()]


def whole_checkpoint(root: Path, step: int) -> Path:
    folder = root / f"checkpoint-{step}"
    (folder / "inner").mkdir(parents=True)
    (folder / "model.safetensors").write_text("weights")
    (folder / "inner" / "optimizer.pt").write_text("moments")
    checkpoints.write(folder, {"step": step})
    return folder


def cut_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_text("weigh")


def lose_optimiser(folder: Path) -> None:
    (folder / "inner" / "optimizer.pt").unlink()


def lose_state(folder: Path) -> None:
    (folder / checkpoints.STATE_FILE).unlink()


def cut_state(folder: Path) -> None:
    text = (folder / checkpoints.STATE_FILE).read_text()
    (folder / checkpoints.STATE_FILE).write_text(text[:-5])


@pytest.mark.parametrize(
    ("tear", "fault"),
    [
        (cut_weights, "model.safetensors has 5 bytes, not 7"),
        (lose_optimiser, "inner/optimizer.pt is missing"),
        (lose_state, "length_state.json is missing"),
        (cut_state, "length_state.json cannot be read"),
    ],
)
def test_a_torn_checkpoint_is_passed_over_and_said(tear: Callable[[Path], None], fault: str, tmp_path: Path) -> None:
    for step in (2, 10, 4):
        whole_checkpoint(tmp_path, step)
    whole_checkpoint(tmp_path / checkpoints.WRITING, 12)
    tear(tmp_path / "checkpoint-10")
    found = checkpoints.find(tmp_path)
    assert found.used == tmp_path / "checkpoint-4"
    assert checkpoints.read(found.used) == {"step": 4}
    assert str(found) == (
        f"from checkpoint-4; skipped checkpoint-12 (it was still being written); skipped checkpoint-10 ({fault})"
    )
    checkpoints.remove_torn(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-2", "checkpoint-4"}
    assert str(checkpoints.find(tmp_path / "nowhere")) == "from the start"


def test_older_checkpoints_go_only_once_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_checkpoint(tmp_path, 2)
    written = whole_checkpoint(tmp_path / checkpoints.WRITING, 4)
    lose_state(written)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.commit(tmp_path, "checkpoint-4", {}, keep=1)
    assert checkpoints.latest(tmp_path) == tmp_path / "checkpoint-2"
    checkpoints.commit(tmp_path, "checkpoint-4", {}, keep=1)
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-4"]


def test_checkpoints_at_multiples_of_some_steps_stay_beside_the_newest(tmp_path: Path) -> None:
    for step in range(2, 16, 2):
        whole_checkpoint(tmp_path / checkpoints.WRITING, step)
        checkpoints.commit(tmp_path, f"checkpoint-{step}", {}, keep=2, every=6)
    assert sorted(checkpoints.step(path) for path in tmp_path.glob("checkpoint-*")) == [6, 10, 12, 14]


def test_a_run_keeps_as_many_checkpoints_as_it_should_each_with_the_random_state(
    make_trainer: Any, tmp_path: Path
) -> None:
    make_trainer(max_steps=8, save_strategy="steps", save_steps=2, save_total_limit=2).train()
    root = tmp_path / "checkpoints"
    kept = sorted(path.name for path in root.glob("checkpoint-*"))
    assert kept == ["checkpoint-6", "checkpoint-8"]
    assert all(checkpoints.fault(root / name) is None for name in kept)
    files = {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"}
    assert files <= {path.name for path in (root / "checkpoint-8").iterdir()}


@pytest.mark.parametrize("logging_steps", [1, 3])
def test_a_resumed_trainer_equals_the_unbroken_one(make_trainer: Any, tmp_path: Path, logging_steps: int) -> None:
    def run(steps: int, folder: str, resume: str | None = None) -> LengthGRPOTrainer:
        trainer: LengthGRPOTrainer = make_trainer(
            [Hapo(mode="mean")], dynamic_sampling=True, max_steps=steps, save_strategy="steps", save_steps=2,
            output_dir=str(tmp_path / folder), logging_steps=logging_steps, advantage="gfpo",
            advantage_options={"adaptive": True},
        )  # fmt: skip
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    def metrics(trainer: LengthGRPOTrainer) -> list[dict[str, Any]]:
        lines = [line for line in trainer.state.log_history if "loss" in line]
        return [{k: v for k, v in line.items() if k not in ("step_time", "verifier/seconds")} for line in lines]

    unbroken = run(8, "unbroken")
    shutil.copytree(tmp_path / "unbroken" / "checkpoint-4", tmp_path / "broken" / "checkpoint-4")
    resumed = run(8, "broken", str(checkpoints.latest(tmp_path / "broken")))
    ours, theirs = (trainer.run_state() for trainer in (resumed, unbroken))
    assert {k: v for k, v in ours.items() if k != "unlogged"} == {k: v for k, v in theirs.items() if k != "unlogged"}
    assert metrics(resumed) == metrics(unbroken)
    assert torch.equal(parameters(resumed), parameters(unbroken))


def test_the_leftovers_of_a_round_are_in_its_checkpoint(make_trainer: Any, tmp_path: Path) -> None:
    trainer = make_trainer(
        dynamic_sampling=True, max_steps=8, save_strategy="steps", save_steps=2, tokens=90, learning_rate=1e-6
    )
    trainer.train()
    states = [checkpoints.read(path) for path in (tmp_path / "checkpoints").glob("checkpoint-*")]
    assert any(state["sampling"]["leftover"] for state in states)


def test_a_checkpoint_of_the_last_step_is_not_trained_on(make_trainer: Any, tmp_path: Path) -> None:
    ended = make_trainer(max_steps=2, save_strategy="steps", save_steps=2)
    ended.train()
    again = make_trainer(max_steps=2, save_strategy="steps", save_steps=2)
    again.train(resume_from_checkpoint=str(checkpoints.latest(tmp_path / "checkpoints")))
    assert again.state.global_step == 2
    assert torch.equal(parameters(again), parameters(ended))


def test_a_rewards_history_changes_nothing_where_its_weight_is_zero(make_trainer: Any) -> None:
    plain = make_trainer([Correct()], max_steps=4)
    plain.train()
    remembering = make_trainer([Correct(), Hapo()], reward_weights=[1.0, 0.0], max_steps=4)
    remembering.train()
    assert remembering.rounds.history.size() > 0
    assert torch.equal(parameters(remembering), parameters(plain))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"save_only_model": True}, "save_only_model leaves out the optimiser"),
        ({"push_to_hub": True, "hub_strategy": "all_checkpoints"}, "this hub_strategy would upload"),
    ],
)
def test_checkpoints_that_could_not_be_gone_on_from_are_refused(
    make_trainer: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make_trainer(**settings)


def test_a_run_set_back_forgets_what_it_will_write_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.rollouts.mkdir()
    for name in ("round-000000.parquet", "round-000001.parquet", "round-000002.parquet", "round-000003.tmp"):
        (run.rollouts / name).touch()
    for step in (1, 2, 3):
        run.log({"step": step, "loss": 0.5})
    with run.metrics.open("a") as file:
        file.write('{"step": 4, "lo')
    run.rewind(2, 1)
    assert [line["step"] for line in read_metrics(run.metrics)] == [1, 2]
    assert run.metrics.read_text().count("\n") == 2
    assert [path.name for path in run.rollouts.iterdir()] == ["round-000000.parquet"]


def test_a_folder_is_trained_by_one_process_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        with pytest.raises(UserError, match=r"run is being trained by process \d+ on \S+; wait for it"):
            train("demo-grpo", [*SMALL, "budget.tokens=60"], tmp_path / "run", quiet=True)
        assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    with locked(tmp_path / "run"):
        pass


def test_a_run_killed_before_it_wrote_anything_is_new(tmp_path: Path) -> None:
    run, recipe = RunFolder(tmp_path), load_recipe("demo-grpo")
    for name in (".lock", "recipe.yaml.tmp"):
        (tmp_path / name).touch()
        assert run.status(recipe) == "new"
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match="is not a run folder"):
        run.status(recipe)


def test_clearing_a_run_keeps_its_lock_and_spares_what_is_no_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / "thesis.tex").touch()
    run.clear()
    run.start(load_recipe("demo-grpo"))
    with pytest.raises(UserError, match=r"thesis\.tex, which a run does not write"):
        run.clear()
    (tmp_path / "thesis.tex").unlink()
    (tmp_path / ".lock").touch()
    run.report.mkdir()
    run.clear()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
