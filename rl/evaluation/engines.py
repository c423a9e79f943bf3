"""What can answer in an evaluation: each engine by name, around a model at a path or hub name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from accelerate.utils import broadcast_object_list
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards.verifier import Isolated
from rl.errors import UserError, unknown
from rl.evaluation.measuring import Asked, Measured
from rl.evaluation.sampling import Answerer, end_ids
from rl.models import base_of, load_config, load_model, load_tokenizer
from rl.prompts import unread
from rl.ranks import is_main_process, launched
from rl.recipe.rollout_parts import VllmPart
from rl.rollouts import Engine, TransformersEngine
from rl.rollouts.rows import require_rows
from rl.rollouts.vllm.engine import VllmEngine, require_vllm
from rl.rollouts.weights import adapter_rank
from rl.rollouts.workers.engine import WorkersEngine
from rl.rollouts.workers.http import HttpWorker
from rl.scratch import Scratch
from rl.secrecy import require_address
from rl.terminal import say

GPU_SHARE, SPARE = 0.85, 0.03
"""Of the device's memory that vLLM may take at most, as nothing is trained beside it; and that it leaves free."""
MINUTES = 10.0
"""How long an evaluation waits where no worker serves."""


@dataclass(frozen=True)
class EngineChoice:
    """What samples. Errors: UserError with the nearest name, or for workers that are missing or not asked for."""

    name: str = "transformers"
    batch_size: int = 256
    """Completions side by side, where the engine is told."""
    workers: Sequence[str] = ()
    """Addresses of servers that `lengthwise serve` started."""
    api_key: str | None = field(default=None, repr=False)
    """Theirs, where they want one."""

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise unknown("engine", self.name, ENGINES)
        if self.name == "vllm":
            require_vllm("engine vllm")
        if (self.name == "workers") != bool(self.workers):
            raise UserError("--engine workers and --worker ADDRESS, once for each server, go together; give both")
        for address in self.workers:
            require_address(address, "rollout worker")


def open_answerer(
    name: str, path: str, tokenizer: PreTrainedTokenizerBase, choice: EngineChoice, longest: int
) -> Answerer:
    """Load a model and put an engine before it; `longest` are the tokens of the longest prompt and completion together.

    Errors: UserError for a model or an engine that cannot be loaded.
    """
    if choice.name == "transformers":
        require_rows(load_config(path), name)
    on_gpu = launched().device.type == "cuda"
    model = load_model(path, dtype="auto" if on_gpu else torch.float32)
    return Answerer(engine_of(model, path, choice, longest), tokenizer, end_ids(model, tokenizer), name)


def engine_of(model: PreTrainedModel, path: str, choice: EngineChoice, longest: int) -> Engine:
    """An engine that answers as the model does, which was loaded from a path or hub name; `longest` as above."""
    return ENGINES[choice.name](model, path, choice, longest)


def measure(asked: Asked, name: str, path: str, choice: EngineChoice, out: Path | None = None) -> Measured:
    """Ask the model at a path, by the name it is to have, and count; its engine and the verifier are closed after it.

    Errors: UserError as of `open_answerer` and of `Asked.measure`.
    """
    (measured,) = measure_each([(asked, out)], name, path, choice)
    return measured


def measure_each(
    sets: Sequence[tuple[Asked, Path | None]], name: str, path: str, choice: EngineChoice
) -> list[Measured]:
    """The same for several sets of problems and their places, by one engine that is opened once."""
    tokenizer = load_tokenizer(path)
    try:
        longest = max(asked.needed(tokenizer, load_config(path)) for asked, _ in sets)
        ignored = unread(tokenizer, sets[0][0].protocol.chat_options)
        if ignored and is_main_process():
            say(f"warning: {ignored}", error=True)
        with ExitStack() as opened:

            @cache
            def answerer() -> Answerer:
                found = open_answerer(name, path, tokenizer, choice, longest)
                opened.callback(found.engine.close)
                return found

            return [asked.measure(name, tokenizer, answerer, out, choice.batch_size) for asked, out in sets]
    finally:
        for asked, _ in sets:
            if isinstance(asked.verifier, Isolated):
                asked.verifier.close()


def _transformers(model: PreTrainedModel, path: str, choice: EngineChoice, longest: int) -> Engine:
    return TransformersEngine(model.to(launched().device), choice.batch_size)


def free_share() -> float:
    """Of the device's memory that a vLLM engine can have beside what lies there, a copy of the model perhaps."""
    free, total = torch.cuda.mem_get_info()
    return max(SPARE, min(GPU_SHARE, free / total - SPARE))


def _vllm(model: PreTrainedModel, path: str, choice: EngineChoice, longest: int) -> Engine:
    """vLLM in this process, an adapter on its base; it schedules by itself, whatever the batch size."""
    rank = adapter_rank(Path(path))
    if rank is not None and model.active_peft_config.modules_to_save:
        raise UserError(
            f"{path} has whole modules beside its adapter, which vLLM does not take: fold it with lengthwise merge"
        )
    part = VllmPart(gpu_memory_utilization=free_share()) if torch.cuda.is_available() else VllmPart()
    engine = VllmEngine(base_of(path) or path, part, longest, str(model.dtype).removeprefix("torch."), rank)
    engine.load_weights(lambda: nullcontext(model), 0)
    return engine


def _workers(model: PreTrainedModel, path: str, choice: EngineChoice, longest: int) -> Engine:
    """vLLM on servers, which get the model's weights first."""
    vocabulary = model.config.get_text_config().vocab_size
    scratch = Scratch("weights") if is_main_process() else None
    folder = [str(scratch.path) if scratch else ""]
    broadcast_object_list(folder)
    workers = [HttpWorker(address, vocabulary, choice.api_key) for address in choice.workers]
    engine = WorkersEngine(workers, Path(folder[0]), MINUTES, scratch=scratch)
    engine.load_weights(lambda: nullcontext(model), 0)
    return engine


ENGINES: Mapping[str, Callable[[PreTrainedModel, str, EngineChoice, int], Engine]] = {
    "transformers": _transformers,
    "vllm": _vllm,
    "workers": _workers,
}
