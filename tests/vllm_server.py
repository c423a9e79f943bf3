"""A worker started by `lengthwise serve`, for the tests that need the real vLLM."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from rl.rollouts import Ask, Completion
from rl.rollouts.vllm.wire import read, sampling_params
from rl.sweep.processes import die_with_parent

KEY = "a-key-for-tests"
GENERATE, VLLMS = "/lengthwise/generate", "/inference/v1/generate"
VOCABULARY = 10**6


class Client:
    """Asks one worker."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def __call__(
        self, path: str, body: Any = None, method: str | None = None, key: str | None = KEY
    ) -> tuple[int, Any]:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                if answer.headers.get_content_type() == "application/octet-stream":
                    return answer.status, text
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            said = error.read()
            return error.code, json.loads(said) if said[:1] in (b"{", b"[") else said.decode()


def start(*options: str, **variables: str) -> tuple[Client, subprocess.Popen[bytes]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "rl.cli",
        "serve",
        "--model",
        "demo",
        "--port",
        str(port),
        "--max-model-len",
        "256",
    ]
    environment = {**os.environ, "TEST_KEY": KEY, **variables}
    process = subprocess.Popen(
        [*command, "--api-key-env", "TEST_KEY", *options],
        env=environment,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    client, last = Client(port), time.monotonic() + 240
    while time.monotonic() < last:
        assert process.poll() is None, "the worker ended while it started"
        try:
            client("/health")
            return client, process
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError("the worker did not start")


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def asked(prompt: Any, eos: Any, budget: int = 40, seed: int = 1) -> Ask:
    return Ask(prompt, budget, seed, eos_ids=eos, logprobs=True)


def ask(prompt: Any, eos: Any, budget: int = 40, seed: int = 1) -> dict[str, Any]:
    params = sampling_params(asked(prompt, eos, budget, seed))
    return {"request_id": f"r-{seed}", "token_ids": prompt, "sampling_params": params}


def got(answer: bytes, prompt: Any, eos: Any, seed: int = 1) -> tuple[Completion, int | None]:
    """The completion in an answer, and the weights that it says it is from."""
    return read(answer, asked(prompt, eos, seed=seed), VOCABULARY, f"r-{seed}")
