"""A worker as it is started from the command line, with a key, talked to over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from vllm_server import GENERATE, KEY, VLLMS, Client, ask, end, got, start

from rl.rollouts.check import logprobs_of
from rl.rollouts.weights import write_weights


def test_without_weights_it_says_so_and_refuses(worker: Client, prompts: Any, eos: Any) -> None:
    assert worker("/lengthwise/health")[1]["version"] is None
    for path in (GENERATE, VLLMS):
        assert worker(path, ask(prompts[0], eos)) == (409, {"error": "no weights yet"})


@pytest.mark.parametrize("path", ["/lengthwise/health", "/lengthwise/weights", GENERATE, "/v1/models", "/metrics"])
def test_every_path_wants_the_key(path: str, worker: Client) -> None:
    for key in (None, "another", KEY[:-1]):
        assert worker(path, key=key)[0] == 401
    assert worker("/health", key=None)[0] == 200


def test_weights_come_by_folder_and_by_upload_and_answers_name_them(
    worker: Client, model: Any, prompts: Any, eos: Any, perturb: Any, tmp_path: Path
) -> None:
    for version in range(3):
        folder = tmp_path / str(version)
        assert write_weights(model, folder) == "model"
        if version == 1:
            for file in folder.iterdir():
                uploaded = worker(f"/lengthwise/weights/1/{file.name}", file.read_bytes(), "PUT")
                assert uploaded == (200, {"bytes": file.stat().st_size})
            assert worker("/lengthwise/weights", {"version": 1}) == (200, {"version": 1})
        else:
            answer = worker("/lengthwise/weights", {"version": version, "path": str(folder)})
            assert answer == (200, {"version": version})
        status, answer = worker(GENERATE, ask(prompts[0], eos))
        assert status == 200
        completion, drawn_by = got(answer, prompts[0], eos)
        assert drawn_by == version
        with torch.no_grad():
            own = logprobs_of(model, prompts[0], completion)
        assert float((own - torch.tensor(completion.logprobs)).abs().max()) <= 1e-4
        perturb(model)
    health = worker("/lengthwise/health")[1]
    assert health["ready"]
    assert (health["version"], health["dtype"], health["max_model_len"]) == (2, "float32", 256)


def test_weights_that_are_not_there_change_nothing(worker: Client, tmp_path: Path) -> None:
    before = worker("/lengthwise/health")[1]
    for wrong in ({"version": 5, "path": str(tmp_path)}, {"path": str(tmp_path)}, {"version": 6}, ["no"]):
        assert worker("/lengthwise/weights", wrong)[0] == 400
    assert worker("/lengthwise/weights/7/..%2Fpasswd", b"x", "PUT")[0] in (400, 404)
    assert worker("/lengthwise/weights/7/code.py", b"x", "PUT")[0] == 400
    assert worker("/lengthwise/health")[1] == before


def test_a_load_that_fails_half_way_leaves_no_worker_that_answers(
    worker: Client, model: Any, prompts: Any, eos: Any, tmp_path: Path
) -> None:
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"torn")
    assert worker("/lengthwise/weights", {"version": 5, "path": str(tmp_path / "torn")})[0] == 422
    assert worker(GENERATE, ask(prompts[0], eos))[0] == 409
    write_weights(model, tmp_path / "whole")
    assert worker("/lengthwise/weights", {"version": 5, "path": str(tmp_path / "whole")})[0] == 200
    assert worker(GENERATE, ask(prompts[0], eos))[0] == 200


def test_what_comes_while_a_load_waits_is_answered_later_or_is_to_be_asked_again(
    worker: Client, model: Any, prompts: Any, tmp_path: Path
) -> None:
    """vLLM 0.32 keeps it until there are new weights, and 0.33 turns it away."""
    write_weights(model, tmp_path / "new")
    assert worker("/lengthwise/weights", {"version": 0, "path": str(tmp_path / "new")})[0] == 200
    with ThreadPoolExecutor() as threads:
        under_way = [threads.submit(worker, GENERATE, ask(prompts[0], [], budget=200, seed=s)) for s in (1, 2, 3, 4)]
        load = threads.submit(worker, "/lengthwise/weights", {"version": 1, "path": str(tmp_path / "new")})
        statuses: list[int] = []
        while not load.done():
            statuses.append(worker(GENERATE, ask(prompts[1], [], budget=1, seed=len(statuses) + 5))[0])
    assert load.result() == (200, {"version": 1})
    assert {*statuses, *(each.result()[0] for each in under_way)} <= {200, 409}


@pytest.mark.slow
def test_a_worker_takes_adapters(model: Any, prompts: Any, eos: Any, perturb: Any, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    worker, process = start("--adapter-rank", "8")
    try:
        for version in range(4):
            perturb(adapted)
            folder = tmp_path / str(version)
            assert write_weights(adapted, folder) == "adapter"
            if version in (1, 2):
                for file in folder.iterdir():
                    uploaded = worker(f"/lengthwise/weights/{version}/{file.name}", file.read_bytes(), "PUT")
                    assert uploaded == (200, {"bytes": file.stat().st_size})
                assert worker("/lengthwise/weights", {"version": version})[0] == 200
            else:
                assert worker("/lengthwise/weights", {"version": version, "path": str(folder)})[0] == 200
            health = worker("/lengthwise/health")[1]
            name = health["adapter_name"]
            assert health["adapter_rank"] == 8
            status, answer = worker(GENERATE, {**ask(prompts[0], eos), "model": name})
            assert status == 200
            completion, drawn_by = got(answer, prompts[0], eos)
            assert drawn_by == version
            with torch.no_grad():
                own = logprobs_of(adapted, prompts[0], completion)
            assert float((own - torch.tensor(completion.logprobs)).abs().max()) <= 1e-4
    finally:
        end(process)
