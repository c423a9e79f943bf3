"""What a worker says of itself after loads that fail, and transfers that did not happen; vLLM's engine is a stand-in."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rl.models import load_model, resolve_model
from rl.rollouts.vllm.fitting import Misfit
from rl.rollouts.vllm.loading import BEGIN, END, SEND, Worker
from rl.rollouts.vllm.options import WorkerOptions
from rl.rollouts.weights import write_weights

DEMO = resolve_model("demo")


class Engine:
    """Counts what it was asked for; `wrong` is what taking weights raises."""

    errored = False

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.wrong: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        async def called(*_: Any, **__: Any) -> None:
            self.asked[name] += 1
            if name == "collective_rpc" and self.wrong is not None:
                raise self.wrong

        return called


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(WorkerOptions("demo", 8000), Engine(), None, 256, tmp_path)


def load(worker: Worker, folder: Path | None, version: int) -> None:
    asyncio.run(worker.load(folder, version))


def said(worker: Worker) -> tuple[bool, int | None]:
    health = worker.health()
    return health["ready"], health["version"]


def test_weights_that_do_not_fit_never_reach_the_engine(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(Misfit):
        load(worker, tmp_path / "torn", 1)
    assert not worker.engine.asked
    assert said(worker) == (False, None)
    assert "could not be loaded" in worker.health()["problem"]
    write_weights(load_model(DEMO), tmp_path / "whole")
    load(worker, tmp_path / "whole", 2)
    assert said(worker) == (True, 2)


def test_a_load_that_the_engine_fails_leaves_no_version_and_the_next_one_is_taken(
    worker: Worker, tmp_path: Path
) -> None:
    write_weights(load_model(DEMO), tmp_path / "whole")
    load(worker, tmp_path / "whole", 1)
    worker.engine.wrong = RuntimeError("out of memory")
    with pytest.raises(RuntimeError):
        load(worker, tmp_path / "whole", 2)
    assert said(worker) == (False, None)
    assert worker.engine.asked["pause_generation"] == worker.engine.asked["resume_generation"] == 2
    worker.engine.wrong = None
    load(worker, tmp_path / "whole", 3)
    assert said(worker) == (True, 3)


def test_weights_over_nccl_are_believed_once_the_engine_has_taken_them(worker: Worker) -> None:
    with pytest.raises(Misfit, match="no weights have come over NCCL"):
        load(worker, None, 1)
    for sent, ended in ((500, 200), (200, 500)):
        worker.transfer(BEGIN, None)
        assert worker.health()["problem"] == "weights are coming over NCCL"
        worker.transfer(SEND, sent)
        worker.transfer(END, ended)
        with pytest.raises(Misfit):
            load(worker, None, 1)
    worker.transfer(BEGIN, None)
    worker.transfer(SEND, 200)
    worker.transfer(END, 200)
    load(worker, None, 1)
    assert said(worker) == (True, 1)
    with pytest.raises(Misfit):
        load(worker, None, 2)
