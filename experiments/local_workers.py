"""Rollout workers on this machine, for as long as an experiment needs them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import httpx2

from rl.errors import UserError
from rl.sweep.processes import die_with_parent

START_SECONDS = 300


@contextmanager
def local_workers(
    model: str, count: int, max_model_len: int, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[list[str]]:
    """The addresses of `count` servers of a model, each with these options of `lengthwise serve`.

    `environment`: variables that they have otherwise than this process.

    Errors: UserError where one does not start.
    """
    command = [sys.executable, "-m", "rl.cli", "serve", "--model", model, "--max-model-len", str(max_model_len)]
    ports = [_free_port() for _ in range(count)]
    with ExitStack() as stack:
        processes = []
        for port in ports:
            asked = [*command, *options, "--port", str(port)]
            own = {**os.environ, **(environment or {})}
            process = subprocess.Popen(asked, env=own, preexec_fn=die_with_parent)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes.append(process)
        addresses = [f"http://127.0.0.1:{port}" for port in ports]
        for address, process in zip(addresses, processes, strict=True):
            _wait_for(address, process)
        yield addresses


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last and process.poll() is None:
        try:
            httpx2.get(f"{address}/health", trust_env=False)
            return
        except httpx2.TransportError:
            time.sleep(0.5)
    raise UserError(f"the worker at {address} did not start")
