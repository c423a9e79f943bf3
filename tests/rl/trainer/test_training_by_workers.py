"""Training runs whose rollouts come from other processes, which are killed, frozen and started again."""

import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
import torch
from makers import parameters
from processes import PATIENCE
from safetensors.torch import save_file
from workers import FakeWorker, fake_workers

from rl.errors import UserError
from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.models import load_config, resolve_model
from rl.rollouts import Ask, Sampling
from rl.rollouts.workers import keeper, standing
from rl.rollouts.workers.channels import Channels
from rl.rollouts.workers.engine import WorkersEngine
from rl.rollouts.workers.http import HttpWorker
from rl.rollouts.workers.spread import Limits
from rl.rollouts.workers.worker import Timing
from rl.rounds.records import records

DEMO = str(resolve_model("demo"))


@pytest.fixture(scope="module")
def workers() -> Iterator[list[FakeWorker]]:
    with fake_workers(2, "--model", DEMO) as started:
        yield started


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds both workers alive and well."""
    monkeypatch.setattr(standing, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(standing, "LONGEST_PAUSE", 0.5)
    monkeypatch.setattr(keeper, "HEARTBEAT", 0.5)
    if "workers" in request.fixturenames:
        for worker in request.getfixturevalue("workers"):
            if worker.process.poll() is not None:
                worker.start()
            worker.goes("well")


Run = Callable[..., Any]


@pytest.fixture
def run(make_trainer: Any, tmp_path: Path) -> Iterator[Run]:
    """Train in a folder, by these workers or in this process; the trainer afterwards."""
    engines: list[Any] = []

    def train(
        name: str,
        workers: list[FakeWorker] | None = None,
        resume: bool = False,
        minutes: float = 1.0,
        channels: Channels | None = None,
        **settings: Any,
    ) -> Any:
        for earlier in engines:  # or it would go on to bring the workers its own weights
            earlier.close()
        folder, engine = RunFolder(tmp_path / name), None
        folder.path.mkdir(exist_ok=True)
        if workers is not None:
            http = [HttpWorker(worker.address, load_config(DEMO).vocab_size) for worker in workers]
            engine = WorkersEngine(
                http,
                folder.path / "weights",
                minutes,
                Limits(requests=4),
                Timing(floor=20.0, per_token=0.0, probe=2.0),
                channels,
            )
            engines.append(engine)
        trainer = make_trainer(
            engine=engine,
            on_round=lambda round_: folder.write_rollouts(round_.number, records(round_)),
            output_dir=str(folder.checkpoints),
            **{"max_steps": 6, "tokens": 40, "save_strategy": "steps", "save_steps": 2, **settings},
        )
        trainer.train(resume_from_checkpoint=str(checkpoints.latest(folder.checkpoints)) if resume else None)
        return trainer

    yield train
    for engine in engines:
        engine.close()


def wait_for(worker: FakeWorker, **least: int) -> None:
    """Until the worker has so many of these on its count."""
    while any(worker.seen().get(name, 0) < count for name, count in least.items()):
        time.sleep(0.02)


def rollouts(folder: Path) -> list[dict[str, Any]]:
    return [row for file in sorted(folder.glob("rollouts/*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_workers_give_the_run_that_the_transformers_engine_gives(
    run: Run, workers: list[FakeWorker], tmp_path: Path
) -> None:
    ours = run("workers", workers, dynamic_sampling=True)
    theirs = run("here", dynamic_sampling=True)
    assert rollouts(tmp_path / "workers") == rollouts(tmp_path / "here")
    assert torch.equal(parameters(ours), parameters(theirs))


def test_a_worker_killed_in_mid_round_costs_no_rollout_and_serves_again(
    run: Run, workers: list[FakeWorker], tmp_path: Path
) -> None:
    for worker in workers:
        worker.goes("well", seconds=0.1)

    def kill_and_restart() -> None:
        wait_for(workers[1], loads=2)
        wait_for(workers[1], **{"under way": 2})
        workers[1].kill()
        time.sleep(1)
        workers[1].start()

    killer = threading.Thread(target=kill_and_restart)
    killer.start()
    ours = run("killed", workers)
    killer.join()
    while ours.engine.pool.serving() < 2:  # before the next run closes the engine
        time.sleep(0.1)
    ours.engine.generate(Ask.each([[4, 5]] * 4, [8] * 4, Sampling(), eos_ids=[2], seeds=range(4)))
    assert workers[1].seen()["answered"] > 0
    run("here")
    assert rollouts(tmp_path / "killed") == rollouts(tmp_path / "here")
    logged = [line for line in ours.state.log_history if "rollouts/worker_failures" in line]
    assert sum(line["rollouts/worker_failures"] for line in logged) == 1
    assert sum(line["rollouts/retried"] for line in logged) >= 1


@pytest.mark.slow
def test_without_any_worker_the_run_saves_itself_waits_and_ends(
    run: Run,
    workers: list[FakeWorker],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def kill_all() -> None:
        wait_for(workers[0], loads=2)
        for worker in workers:
            worker.kill()

    run("unbroken", workers)
    workers[0].goes("well")
    killer = threading.Thread(target=kill_all)
    killer.start()
    with pytest.raises(
        UserError, match=r"no rollout worker serves .* the run is saved as .*checkpoint-2; start workers"
    ):
        run("broken", workers, minutes=0.05, save_steps=100)
    killer.join()
    assert "the run waits for one for 0.05 minutes" in capfd.readouterr().err
    assert [p.name for p in (tmp_path / "broken/checkpoints").glob("checkpoint-*")] == ["checkpoint-2"]
    for worker in workers:
        worker.start()
    run("broken", workers, resume=True)
    unbroken, resumed = rollouts(tmp_path / "unbroken"), rollouts(tmp_path / "broken")
    assert resumed == unbroken


def test_rounds_are_sampled_ahead_by_weights_one_round_old_and_corrected(
    run: Run, workers: list[FakeWorker], tmp_path: Path
) -> None:
    trainer = run("ahead", workers, max_staleness=1, correct_rollouts=True, learning_rate=1e-3)
    rows = rollouts(tmp_path / "ahead")
    assert {(row["step"], row["weight_version"]) for row in rows} == {(0, 0), (2, 0), (4, 2)}
    logged = [line for line in trainer.state.log_history if "rollouts/staleness" in line]
    assert [line["rollouts/staleness"] for line in logged] == [0, 1, 1]
    apart = [line["sampling/importance_sampling_ratio/max"] for line in logged]
    assert apart[0] == pytest.approx(1, abs=1e-3)
    assert apart[1] > 1.01


@pytest.mark.parametrize(
    "settings",
    [
        {},
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ({"dynamic_sampling": True}, {"max_staleness": 2}, {"tokens_per_micro_batch": 200})
        ),
    ],
    ids=str,
)
def test_a_run_that_samples_ahead_resumes_as_if_never_stopped(
    run: Run, workers: list[FakeWorker], tmp_path: Path, settings: dict[str, Any]
) -> None:
    settings = {"max_staleness": 1, "correct_rollouts": True, "learning_rate": 1e-3, **settings}
    unbroken = run("unbroken", workers, **settings)
    saved = tmp_path / "unbroken/checkpoints/checkpoint-2"
    under_way = checkpoints.read(saved)["ahead"]
    assert [each["step"] for each in under_way] == ([2, 4] if settings["max_staleness"] == 2 else [2])
    assert all(each["completions"] for each in under_way)
    (tmp_path / "broken/checkpoints").mkdir(parents=True)
    shutil.copytree(saved, tmp_path / "broken/checkpoints/checkpoint-2")
    resumed = run("broken", workers, resume=True, **settings)
    assert torch.equal(parameters(resumed), parameters(unbroken))
    assert rollouts(tmp_path / "broken") == [row for row in rollouts(tmp_path / "unbroken") if row["step"] >= 2]


class ByHand:
    """A channel without NCCL: leaves the tensors where the worker finds them, and says that they have arrived."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder

    def send(self, tensors: Any, version: int) -> None:
        folder = self.folder / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
        body = {"path": str(folder), "version": version}
        httpx2.post(
            f"{self.address}/lengthwise/weights", json=body, trust_env=False, timeout=PATIENCE
        ).raise_for_status()

    def close(self) -> None:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"max_staleness": 1, "correct_rollouts": True}], ids=str)
def test_weights_may_go_through_channels_and_a_worker_that_comes_back_gets_a_new_one(
    run: Run, workers: list[FakeWorker], tmp_path: Path, settings: dict[str, Any]
) -> None:
    begun: list[int] = []

    def begin(place: int) -> ByHand:
        begun.append(place)
        return ByHand(workers[place].address, tmp_path / f"sent-{place}")

    def kill_and_restart() -> None:
        wait_for(workers[1], **{"loads": 2, "under way": 2})
        workers[1].kill()
        workers[1].start()
        workers[1].goes("well", seconds=0.1)

    for worker in workers:
        worker.goes("well", seconds=0.1)
    killer = threading.Thread(target=kill_and_restart)
    killer.start()
    run("channels", workers, channels=Channels(begin), max_steps=8, **settings)
    killer.join()
    assert begun == [0, 1, 1]
    assert [path.name for path in (tmp_path / "channels/weights").iterdir()] == ["weights-00000000"]
    if not settings:
        run("here", max_steps=8)
        assert rollouts(tmp_path / "channels") == rollouts(tmp_path / "here")


@pytest.mark.slow
def test_a_run_whose_only_worker_comes_back_offers_it_its_weights_as_files(
    run: Run, workers: list[FakeWorker], tmp_path: Path
) -> None:
    def kill_and_restart() -> None:
        wait_for(workers[0], **{"loads": 2, "under way": 1})
        workers[0].kill()
        time.sleep(1)
        workers[0].start()

    workers[0].goes("well", seconds=0.1)
    killer = threading.Thread(target=kill_and_restart)
    killer.start()
    run("one", workers[:1], channels=Channels(lambda place: ByHand(workers[place].address, tmp_path / "sent")))
    killer.join()
    run("here")
    assert rollouts(tmp_path / "one") == rollouts(tmp_path / "here")


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_groups_go_on_while_rounds_train_and_each_trains_once_whoever_is_killed(
    run: Run, workers: list[FakeWorker], tmp_path: Path, killed: bool
) -> None:
    def kill_and_restart() -> None:
        wait_for(workers[1], **{"loads": 2, "under way": 1})
        workers[1].kill()
        workers[1].start()

    settings = {"oversample": 1.5, "max_staleness": 2, "correct_rollouts": True, "max_steps": 8}
    killer = threading.Thread(target=kill_and_restart)
    if killed:
        workers[1].goes("well", seconds=0.05)
        killer.start()
    trainer = run("partial", workers, **settings)
    rows = rollouts(tmp_path / "partial")
    assert Counter(row["step"] for row in rows) == dict.fromkeys((0, 2, 4, 6), 16)
    assert set(Counter(row["problem_id"] for row in rows).values()) == {4}
    ages = {row["step"] - row["weight_version"] for row in rows}
    assert max(ages) in (2, 4)
    lines = [line for line in trainer.state.log_history if "rollouts/paused" in line]
    assert [line["rollouts/paused"] for line in lines] == [24.0, 24.0, 16.0, 0.0]
    assert {line["rollouts/abandoned"] for line in lines} == {0.0}
    if killed:
        killer.join()
        return
    saved = tmp_path / "partial/checkpoints/checkpoint-4"
    assert all(r["completion"] for g in checkpoints.read(saved)["under_way"]["groups"] for r in g["rollouts"])
    (tmp_path / "broken/checkpoints").mkdir(parents=True)
    shutil.copytree(saved, tmp_path / "broken/checkpoints/checkpoint-4")
    run("broken", workers, resume=True, **settings)
    both = [row for row in rows if row["step"] < 4] + rollouts(tmp_path / "broken")
    assert Counter(row["step"] for row in both) == dict.fromkeys((0, 2, 4, 6), 16)
    assert set(Counter(row["problem_id"] for row in both).values()) == {4}


def test_sampling_ahead_needs_workers(make_trainer: Any) -> None:
    with pytest.raises(UserError, match=r"which only rollouts\.engine: workers can"):
        make_trainer(max_staleness=1).train()


@pytest.mark.slow
def test_a_frozen_worker_loses_its_rollouts_to_the_other(run: Run, workers: list[FakeWorker], tmp_path: Path) -> None:
    workers[0].goes("well", seconds=0.1)

    def freeze() -> None:
        wait_for(workers[0], loads=2)
        workers[0].stop()

    freezer = threading.Thread(target=freeze)
    freezer.start()
    try:
        run("frozen", workers)
    finally:
        freezer.join()
        workers[0].process.send_signal(signal.SIGCONT)
    run("here")
    assert rollouts(tmp_path / "frozen") == rollouts(tmp_path / "here")
