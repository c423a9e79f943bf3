"""A process that believes it has CUDA devices, the first of which is `tensor.OnCuda`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from accelerate.state import AcceleratorState, GradientState

from pretended_cuda.tensor import Pretence, each, is_cuda, up

ANSWERS: dict[str, Any] = {
    "is_available": True,
    "is_initialized": True,
    "current_device": 0,
    "get_device_name": "pretended",
    "get_device_capability": (9, 0),
    "get_device_properties": SimpleNamespace(name="pretended", major=9, minor=0, total_memory=1 << 36),
    "mem_get_info": (1 << 36, 1 << 36),
    "is_bf16_supported": True,
    **dict.fromkeys(("get_rng_state", "get_rng_state_all"), torch.zeros(16, dtype=torch.uint8)),
    **dict.fromkeys(("set_rng_state", "set_rng_state_all", "manual_seed", "manual_seed_all")),
    **dict.fromkeys(("set_device", "synchronize", "empty_cache", "_lazy_init")),
}
"""What `torch.cuda` says, by function."""

PLACES_WITHOUT = ((torch.autograd, "_engine_run_backward"), (threading.Thread, "run"))
"""Where a mode is off: in what a call does that torch let it see, and in another thread."""


@contextmanager
def pretended(devices: int = 1) -> Iterator[None]:
    """A machine with so many CUDA devices: inside, accelerate, transformers and torch take the first."""
    usual_load = torch.load

    def load(file: Any, map_location: Any = None, **kwargs: Any) -> Any:
        loaded = usual_load(file, map_location="cpu", **kwargs)
        return each(lambda x: up(x) if isinstance(x, torch.Tensor) else x, loaded) if is_cuda(map_location) else loaded

    def visible() -> int:
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        return devices if named is None else min(devices, len(list(filter(None, named.split(",")))))

    with ExitStack() as stack:
        for name, answer in ANSWERS.items():
            for module in (torch.cuda, torch.cuda.random):
                if hasattr(module, name):
                    stack.enter_context(patch.object(module, name, lambda *_, answer=answer, **__: answer))
        stack.enter_context(patch.object(torch.cuda, "device_count", visible))
        stack.enter_context(patch.object(torch, "load", load))
        for owner, name in PLACES_WITHOUT:
            stack.enter_context(patch.object(owner, name, _within(getattr(owner, name))))
        _forget_devices()
        stack.callback(_forget_devices)
        stack.enter_context(Pretence())
        yield


def _within(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with Pretence():
            return function(*args, **kwargs)

    return run


def _forget_devices() -> None:
    """Have accelerate look for them again."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
