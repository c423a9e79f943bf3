from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_worker import VOCABULARY
from pools import QUICK, source
from workers import FakeWorker

from rl.rollouts.workers import keeper, standing
from rl.rollouts.workers.http import HttpWorker
from rl.rollouts.workers.pool import Pool


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(keeper, "HEARTBEAT", 0.3)
    monkeypatch.setattr(keeper, "NOT_YET", 0.05)


@pytest.fixture
def make_pool(impatient: None, tmp_path: Path) -> Iterator[Callable[..., Pool]]:
    made = []

    def make(workers: list[FakeWorker], version: int = 0, key: str | None = None, **options: Any) -> Pool:
        said: list[str] = []
        http = [HttpWorker(worker.address, VOCABULARY, key) for worker in workers]
        pool = Pool(http, say=said.append, **{"timing": QUICK, **options})
        pool.said = said  # type: ignore[attr-defined]
        made.append(pool)
        pool.publish(source(tmp_path, version))
        return pool

    yield make
    for pool in made:
        pool.close()
