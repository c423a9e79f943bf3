"""Fake rollout workers as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("fake_worker.py")


@dataclass
class FakeWorker:
    """`tests/fake_worker.py` with these arguments, on one port for all its lives."""

    arguments: list[str] = field(default_factory=list)
    port: int = 0
    process: Any = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.port), *self.arguments],
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            text=True,
        )
        self.port = int(self.process.stdout.readline().split()[1])

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> None:
        """Freeze it: the connection stays, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def goes(self, mode: str, after: int = 0, seconds: float = 0.0) -> None:
        """How it answers from now on, after so many further rollouts."""
        body = json.dumps({"mode": mode, "after": after, "seconds": seconds}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.address}/test", body), timeout=10).close()

    def seen(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.address}/test", timeout=10) as response:
            return {"loads": 0, "answered": 0, "asked": 0, "uploads": 0, **json.load(response)}


@contextmanager
def fake_workers(count: int, *arguments: str) -> Iterator[list[FakeWorker]]:
    workers = [FakeWorker(list(arguments)) for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        yield workers
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.kill()
