"""Runs that are told by signals to save themselves, or to save themselves and end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from places import ROOT
from processes import PATIENCE, offspring
from workers import fake_workers

from experiments.killing.processes import Command, import_ahead, log_of, training
from experiments.killing.same import differences
from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.models import resolve_model
from rl.trainer import signals
from rl.trainer.signals import Signals, Stopped

SMALL = [
    "trainer.max_steps=16", "trainer.save_steps=100", "trainer.logging_steps=3", "trainer.num_generations=4",
    "trainer.per_device_train_batch_size=8", "data.train.options.n=24", "data.eval.options.n=8",
    "evaluation.budget=40", "budget.tokens=60",
]  # fmt: skip
"""16 steps, 8 rounds; a checkpoint at the end only."""


def wait(until: Callable[[], object], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.002)


def told(command: Command, run: RunFolder, number: int, whole_tree: bool = False) -> int:
    """Send the signal in the second round, to its children too if `whole_tree`; the exit code."""
    process = command.start(run.path)
    wait((run.rollouts / "round-000001.parquet").exists)
    assert process.pid is not None
    for pid in (*(offspring(process.pid) if whole_tree else ()), process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def kept(run: RunFolder) -> list[int]:
    """Steps of the checkpoints, each the end of a round."""
    return sorted(checkpoints.step(path) for path in run.checkpoints.glob("checkpoint-*"))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("signals") / "unbroken")
    import_ahead()
    training("demo-dler", SMALL).finish(run.path)
    assert kept(run) == [16]
    return run


def test_sigusr1_saves_a_checkpoint_and_changes_nothing_else(unbroken: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert told(training("demo-dler", SMALL), run, signal.SIGUSR1) == 0
    saved, end = kept(run)
    assert (saved in range(4, 16, 2), end) == (True, 16)
    assert checkpoints.fault(run.checkpoints / f"checkpoint-{saved}") is None
    shutil.rmtree(run.checkpoints / f"checkpoint-{saved}")
    assert differences(unbroken, run) == []


def test_sigusr1_while_a_model_is_loaded_or_evaluated_does_not_end_the_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    import_ahead()
    process = training("demo-dler", [*SMALL, "trainer.max_steps=2", "trainer.logging_steps=1"]).start(run.path)
    assert process.pid is not None
    for there in (run.recipe, run.evaluation("before"), run.final):
        while process.is_alive() and not there.exists():
            time.sleep(0.002)
        if process.is_alive():
            os.kill(process.pid, signal.SIGUSR1)
    process.join()
    assert process.exitcode == 0
    assert log_of(run.path).read_text().count("SIGUSR1: nothing is being trained now") >= 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_run_told_to_end_saves_its_round_and_goes_on_to_the_same_end(
    unbroken: RunFolder, number: int, code: int, tmp_path: Path
) -> None:
    run, command = RunFolder(tmp_path / "run"), training("demo-dler", SMALL)
    assert told(command, run, number, whole_tree=True) == code  # as schedulers and terminals do
    (saved,) = kept(run)
    assert saved in range(4, 16, 2)
    assert not run.final.exists()
    command.finish(run.path)
    log = log_of(run.path).read_text()
    assert f"{signal.Signals(number).name}: saving and ending at the end of this round" in log
    assert f"{run.path} was ended by {signal.Signals(number).name}; the same command goes on\n" in log
    assert f"{run.path} goes on from checkpoint-{saved}\n" in log
    shutil.rmtree(run.checkpoints / f"checkpoint-{saved}")
    assert differences(unbroken, run) == []


@pytest.mark.slow
def test_a_run_that_waits_for_workers_ends_at_once_and_goes_on(tmp_path: Path) -> None:
    with fake_workers(1, "--model", str(resolve_model("demo"))) as (worker,):
        workers = [*SMALL, "rollouts.engine=workers", f"rollouts.workers=[{worker.address}]"]
        command = training("demo-grpo", [*workers, "rollouts.pool.seconds=5"])
        run = RunFolder(tmp_path / "run")
        import_ahead()
        process = command.start(run.path)
        wait((run.rollouts / "round-000001.parquet").exists)
        worker.kill()
        wait(lambda: "the run waits for one" in log_of(run.path).read_text())
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        process.join(60)
        assert process.exitcode == 143
        (saved,) = kept(run)
        worker.start()
        command.finish(run.path)
        other = RunFolder(tmp_path / "other")
        training("demo-grpo", [*workers, "rollouts.pool.seconds=5"]).finish(other.path)
    assert saved in range(2, 16, 2)
    # The engine's own figures say that it was without a worker for a time.
    assert {"metrics"} >= set(differences(other, run)) - {"history, sampler, leftovers"}


@pytest.mark.slow
def test_all_ranks_end_at_the_same_step_whichever_is_told(tmp_path: Path) -> None:
    overrides = [*(each for each in SMALL if "per_device" not in each), "trainer.per_device_train_batch_size=4"]

    def start(run: RunFolder) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        command += ["-m", "rl.train", "demo-hapo", *overrides, "--out", str(run.path), "--quiet"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        with log_of(run.path).open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def rank(launcher: subprocess.Popen[bytes], number: int) -> int:
        ranks = [p for p in psutil.Process(launcher.pid).children() if "rl.train" in p.cmdline()]
        return next(p.pid for p in ranks if p.environ()["RANK"] == str(number))

    unbroken, run = RunFolder(tmp_path / "unbroken"), RunFolder(tmp_path / "run")
    assert start(unbroken).wait(240) == 0
    launcher = start(run)
    wait((run.rollouts / "round-000000.parquet").exists)
    os.kill(rank(launcher, 1), signal.SIGTERM)
    assert launcher.wait(60) == 1
    (first,) = kept(run)
    assert first % 2 == 0
    launcher = start(run)
    wait((run.rollouts / f"round-{first // 2 + 1:06d}.parquet").exists)
    launcher.terminate()
    assert launcher.wait(60) == 1
    _, second = kept(run)
    assert second in range(first + 4, 16, 2)
    assert start(run).wait(240) == 0
    for step in (first, second):
        shutil.rmtree(run.checkpoints / f"checkpoint-{step}", ignore_errors=True)
    assert differences(unbroken, run) == []


def test_a_second_ctrl_c_ends_at_once_but_not_the_echo_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Signals(1)
    with heard.heeded():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        monkeypatch.setattr(signals, "SAME_PRESS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_told_in_its_last_step_is_done_and_ends(make_trainer: Callable[..., object]) -> None:
    heard = Signals(2)
    with heard.heeded():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped) as stopped:
            heard.end_if_told()
    assert stopped.value.code == 143
    assert stopped.value.signal == "SIGTERM"
