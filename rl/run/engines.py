"""The rollout engine that a recipe names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from transformers import PreTrainedModel

from rl.errors import UserError
from rl.estimates import Shape, shape_of
from rl.evaluation.engines import EngineChoice, engine_of
from rl.folders.run import RunFolder
from rl.models import base_of, load_config
from rl.ranks import launched
from rl.recipe.engine_choice import Choice, choose, this_machine, with_engine
from rl.recipe.parts import Recipe
from rl.recipe.rollout_parts import RolloutPart
from rl.rollouts.check import WeightCheck
from rl.rollouts.engine import Engine, TransformersEngine
from rl.rollouts.vllm.engine import VllmEngine, require_vllm
from rl.rollouts.vllm.nccl import GROUP_PORT, NcclChannel
from rl.rollouts.weights import WEIGHTS
from rl.rollouts.workers.channels import Channels
from rl.rollouts.workers.engine import WorkersEngine
from rl.rollouts.workers.http import HttpWorker
from rl.rollouts.workers.spread import Limits
from rl.rollouts.workers.worker import Timing
from rl.run.prepare import Prepared
from rl.run.room import longest_prompt
from rl.secrecy import Granted

LOADING, LOADING_GB = 300.0, 5.0
"""Seconds that workers may take to load weights: in any case, and for each GB that is sent to each of them."""


def require_engine(prepared: Prepared) -> None:
    """Refuse an engine that has no room for what it will be asked, on any machine. Errors: UserError."""
    if prepared.recipe.rollouts.engine == "vllm":
        model_length(prepared)
    else:
        longest_prompt(prepared)


def require_engine_here(recipe: Recipe, granted: Granted) -> None:
    """Refuse an engine that this launch could not start, or not ask. Errors: UserError."""
    part = recipe.rollouts
    if part.engine == "workers":
        granted.key_for(part.workers, part.pool.api_key_env)
        if part.pool.weights == "nccl" and not torch.cuda.is_available():
            raise UserError("rollouts.pool.weights: nccl needs CUDA; use files")
    if part.engine != "vllm":
        return
    require_vllm("rollouts.engine: vllm")
    if part.vllm.sleep and not torch.cuda.is_available():
        raise UserError("rollouts.vllm.sleep needs CUDA; set it to 0")
    ranks, size = launched().num_processes, part.vllm.tensor_parallel_size
    if ranks % size:
        raise UserError(
            f"rollouts.vllm.tensor_parallel_size {size} does not divide the launch's {ranks} ranks; change either, or "
            "use rollouts.engine: workers, whose tensor parallelism is their own"
        )


def build_engine(prepared: Prepared, model: str) -> Engine:
    """The engine of `rollouts`, for the model at this path or hub name; it has no weights of its own yet."""
    part, sizes = prepared.recipe.rollouts, prepared.sizes
    if part.engine == "transformers":
        return TransformersEngine(batch_size=part.batch_size or sizes.rows)
    if part.engine == "vllm":
        rank = prepared.recipe.lora.rank if prepared.recipe.lora else None
        share, sleep = part.vllm.gpu_memory_utilization, part.vllm.sleep
        return VllmEngine(
            base_of(model) or model,
            replace(
                part.vllm,
                gpu_memory_utilization=sizes.share if share is None else share,
                sleep=sizes.sleep if sleep is None else sleep,
            ),
            model_length(prepared),
            dtype_of(prepared),
            rank,
        )
    return _workers(prepared, model)


def settled(recipe: Recipe, run: RunFolder, overwrite: bool = False) -> tuple[Recipe, Choice]:
    """The recipe with its engine in the place of `auto`, and why it is that one: a run keeps what it began with.

    Errors: UserError where this machine has not what it began with.
    """
    begun = recipe if overwrite else run.as_begun(recipe)
    if begun.rollouts.engine == recipe.rollouts.engine:
        return with_engine(begun), choose(begun)
    machine = this_machine()
    if begun.rollouts.engine == "vllm" and not machine.vllm:
        raise UserError(
            f"{run.path} was begun with rollouts.engine vllm, and vLLM is not installed here: install it "
            "(pip install 'lengthwise[vllm]'), or begin again with another --out or --overwrite"
        )
    return begun, Choice(begun.rollouts.engine, f"as {run.path} began")


def answers_by(prepared: Prepared) -> str:
    """The engine of evaluations and probes: on CUDA that of the rollouts, as `transformers` takes many times longer.

    Workers that take adapters take no whole model, which is what such a run begins with.
    """
    name, adapted = prepared.recipe.rollouts.engine, prepared.recipe.lora is not None
    return name if torch.cuda.is_available() and not (name == "workers" and adapted) else "transformers"


def answering(prepared: Prepared, model: PreTrainedModel, path: str, rows: int, longest: int) -> Engine:
    """An engine that answers as the model does, which was loaded from a path or hub name.

    `rows` side by side at most, where it is told; `longest`: tokens of the longest prompt and completion together.
    """
    name, most = answers_by(prepared), prepared.sizes.answering_rows
    rows = min(rows, most or rows)
    if name == "transformers":
        return TransformersEngine(model, rows)
    if name == "vllm":  # whose own copy takes its place
        model.to("cpu")  # type: ignore[arg-type]
        torch.cuda.empty_cache()
    workers = tuple(prepared.recipe.rollouts.workers) if name == "workers" else ()
    return engine_of(model, path, EngineChoice(name, rows, workers, _key(prepared)), longest)


def _workers(prepared: Prepared, model: str) -> WorkersEngine:
    part, config, ranks = prepared.recipe.rollouts, prepared.config, launched().num_processes
    tokens = part.pool.in_flight_tokens or prepared.sizes.in_flight_tokens
    key = _key(prepared)
    settings = load_config(model, config.trust_remote_code)
    vocabulary = settings.get_text_config().vocab_size
    load = part.pool.load_seconds or load_seconds(_sent(prepared, shape_of(settings)), len(part.workers))
    return WorkersEngine(
        [HttpWorker(address, vocabulary, key) for address in part.workers],
        Path(config.output_dir).resolve().parent / WEIGHTS,
        part.wait_minutes,
        Limits(max(1, part.pool.in_flight // ranks), tokens // ranks if tokens else Limits.tokens),
        Timing(part.pool.seconds, part.pool.seconds_per_token, load=load),
        _channels(part, key) if part.pool.weights == "nccl" else None,
        between_tokens=part.partial,
    )


def load_seconds(size: float, workers: int) -> float:
    """What so many workers may take to get so many bytes each, uploaded one after the other at 0.2 GB a second."""
    return LOADING + LOADING_GB * size * workers / 1e9


def _sent(prepared: Prepared, shape: Shape) -> float:
    """Bytes of the weights that a worker is sent: an adapter's, or the whole model's."""
    lora = prepared.recipe.lora
    targets = None if lora is None or lora.target_modules == "all-linear" else lora.target_modules
    count = shape.parameters if lora is None else shape.adapter_parameters(lora.rank, targets)
    return count * (2.0 if dtype_of(prepared) in ("bfloat16", "float16") else 4.0)


def _channels(part: RolloutPart, key: str | None) -> Channels:
    device = launched().device
    return Channels(lambda place: NcclChannel(part.workers[place].rstrip("/"), key, GROUP_PORT + place, device))


def _key(prepared: Prepared) -> str | None:
    """The workers' API key, where they want one. Errors: UserError where it may not go to them."""
    part = prepared.recipe.rollouts
    return prepared.granted.key_for(part.workers, part.pool.api_key_env)


def model_length(prepared: Prepared) -> int:
    """Tokens that the longest prompt and the largest budget need together, or what the recipe gives them.

    Errors: UserError where they do not fit into the model, or into `rollouts.vllm.max_model_len`.
    """
    budget, given = prepared.budgets.maximum, prepared.recipe.rollouts.vllm.max_model_len
    longest = longest_prompt(prepared)
    needed = longest + max(budget, WeightCheck.TOKENS)
    if given is not None and needed > given:
        raise UserError(
            f"{prepared.recipe.name}: the longest prompt ({longest} tokens) and the largest budget ({budget}) "
            f"need {needed} tokens, and rollouts.vllm.max_model_len has {given}; shorten prompts or budget, or raise it"
        )
    return given or needed


def dtype_of(prepared: Prepared) -> str:
    """What a vLLM engine computes in: as told, or as the trainer does."""
    told, config = prepared.recipe.rollouts.vllm.dtype, prepared.config
    if told != "auto":
        return told
    return "bfloat16" if config.bf16 else "float16" if config.fp16 else "float32"
