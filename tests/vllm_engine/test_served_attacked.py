"""A worker, as `lengthwise serve` starts it, is sent what would break or deceive it. Needs the real vLLM."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from vllm_server import GENERATE, KEY, Client, ask

from rl.models import load_model, load_tokenizer, resolve_model
from rl.rollouts.weights import write_weights

LOAD, UP = "/lengthwise/weights", "model.layers.0.mlp.up_proj.weight"
DEMO = resolve_model("demo")
TOKENIZER = load_tokenizer(DEMO)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    write_weights(load_model(DEMO), tmp_path / "weights")
    return tmp_path / "weights"


def answers(worker: Client) -> int:
    return worker(GENERATE, ask([4, 5, 6], [TOKENIZER.eos_token_id]))[0]


def test_weights_that_never_came_make_no_worker_ready(worker: Client) -> None:
    status, said = worker(LOAD, {"version": 1, "arrived": True})
    assert (status, said) == (422, {"error": "no weights have come over NCCL"})
    assert not worker("/lengthwise/health")[1]["ready"]
    assert answers(worker) == 409


def other_shape(folder: Path) -> None:
    (file,) = folder.iterdir()
    tensors = load_file(file)
    save_file({**tensors, UP: tensors[UP].T.contiguous()}, file)


def another_name(folder: Path) -> None:
    (file,) = folder.iterdir()
    save_file({**load_file(file), "model.more.weight": torch.ones(2)}, file)


def missing(folder: Path) -> None:
    (file,) = folder.iterdir()
    save_file({name: tensor for name, tensor in load_file(file).items() if name != UP}, file)


def torn(folder: Path) -> None:
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-8])


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "more.safetensors")


@pytest.mark.parametrize("spoil", [other_shape, another_name, missing, torn, a_pipe])
def test_a_worker_takes_the_next_weights_after_any_that_do_not_fit(
    worker: Client, weights: Path, spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    spoil(weights)
    status, said = worker(LOAD, {"version": 2, "path": str(weights)})
    assert status == 422, said
    health = worker("/lengthwise/health")[1]
    assert (health["ready"], health["version"]) == (False, None)
    assert answers(worker) == 409
    write_weights(load_model(DEMO), tmp_path / "whole")
    assert worker(LOAD, {"version": 3, "path": str(tmp_path / "whole")})[0] == 200
    assert answers(worker) == 200


def sent_by_a_page(worker: Client, path: str, body: bytes, method: str, **headers: str) -> int:
    given = {"Authorization": f"Bearer {KEY}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(worker.address + path, body, given, method=method)
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}])
def test_web_pages_change_nothing(worker: Client, weights: Path, headers: dict[str, str]) -> None:
    before = worker("/lengthwise/health")[1]
    load = json.dumps({"version": 9, "path": str(weights)}).encode()
    assert sent_by_a_page(worker, LOAD, load, "POST", Content_Type="text/plain", **headers) == 403
    assert sent_by_a_page(worker, f"{LOAD}/9/model.safetensors", b"x", "PUT", **headers) == 403
    assert sent_by_a_page(worker, GENERATE, b"{}", "POST", **headers) == 403
    assert worker("/lengthwise/health")[1] == before


def test_a_pipe_that_is_sent_as_weights_does_not_keep_a_worker_alive(started: Any, weights: Path) -> None:
    client, process = started
    a_pipe(weights)
    client(LOAD, {"version": 4, "path": str(weights)})
    process.terminate()
    assert process.wait(30) is not None
