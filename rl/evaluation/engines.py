"""What can answer in an evaluation: each engine by name, around a model at a path or hub name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import torch
from accelerate import PartialState
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rl.errors import UserError, unknown
from rl.evaluation.sampling import Answerer, end_ids
from rl.models import load_model
from rl.recipe import VllmPart
from rl.rollouts import Engine, TransformersEngine
from rl.rollouts.vllm_engine import VllmEngine, require_vllm

GPU_SHARE = 0.85
"""Of the device's memory that vLLM may take: nothing is trained beside it."""


def open_answerer(
    name: str, path: str, tokenizer: PreTrainedTokenizerBase, engine: str, batch_size: int, longest: int
) -> Answerer:
    """Load a model and put an engine before it; `longest` are the tokens of the longest prompt and completion together.

    Errors: UserError for a model or an engine that cannot be loaded.
    """
    open_engine = ENGINES[require_engine(engine)]
    on_gpu = PartialState().device.type == "cuda"
    model = load_model(path, dtype="auto" if on_gpu else torch.float32)
    return Answerer(open_engine(model, path, batch_size, longest), tokenizer, end_ids(model, tokenizer), name)


def _transformers(model: PreTrainedModel, path: str, batch_size: int, longest: int) -> Engine:
    return TransformersEngine(model.to(PartialState().device), batch_size)


def _vllm(model: PreTrainedModel, path: str, batch_size: int, longest: int) -> Engine:
    """vLLM in this process; it schedules by itself, whatever the batch size."""
    if (Path(path) / "adapter_config.json").is_file():
        raise UserError(f"{path} is an adapter, and vLLM takes whole weights: fold it with `lengthwise merge` first")
    part = VllmPart(gpu_memory_utilization=GPU_SHARE) if torch.cuda.is_available() else VllmPart()
    engine = VllmEngine(path, part, longest, str(model.dtype).removeprefix("torch."))
    engine.load_weights(lambda: nullcontext(model), 0)
    return engine


ENGINES: Mapping[str, Callable[[PreTrainedModel, str, int, int], Engine]] = {
    "transformers": _transformers,
    "vllm": _vllm,
}


def require_engine(name: str) -> str:
    """Errors: UserError with the nearest name."""
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    if name == "vllm":
        require_vllm("engine vllm")
    return name
