"""Weights that a worker does not see in the folder are sent to it file by file, several at a time."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from processes import PATIENCE

from rl.rollouts.workers.http import UPLOADS, HttpWorker
from rl.rollouts.workers.worker import Source, WorkerFault


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for place in range(UPLOADS + 1):
        (tmp_path / f"model-{place:05d}.safetensors").touch()
    return Source(3, 77, tmp_path)


class Answering(HttpWorker):
    """A worker without a server, which sees no folder."""

    def __init__(self, source: Source, refused: str = "") -> None:
        super().__init__("http://127.0.0.1:1", 16)
        self.source, self.refused = source, refused
        self.sent: list[str] = []
        self.all_there = asyncio.Event()

    async def _send(self, method: str, path: str, content: Any, *_: Any, **__: Any) -> tuple[int, bytes]:
        if method == "GET":
            return 200, json.dumps({"ready": True, "version": self.source.id}).encode()
        if method == "POST":
            return (400 if b"path" in content else 200), b"{}"
        self.sent.append(path.rpartition("/")[2])
        if len(self.sent) == UPLOADS:
            self.all_there.set()
        await asyncio.wait_for(self.all_there.wait(), PATIENCE)
        return (500 if self.sent[-1] == self.refused else 200), b'{"error": "disk full"}'


def test_several_files_are_under_way_at_once_and_each_is_sent_once(source: Source) -> None:
    worker = Answering(source)
    asyncio.run(worker.load(source))
    assert source.folder is not None
    assert sorted(worker.sent) == sorted(path.name for path in source.folder.iterdir())


def test_a_file_that_is_refused_is_the_workers_fault_and_ends_the_others(source: Source) -> None:
    worker = Answering(source, refused=f"model-{UPLOADS - 1:05d}.safetensors")

    async def load() -> None:
        with pytest.raises(WorkerFault, match="500 disk full"):
            await worker.load(source)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(load())
