"""The rollout engine that a recipe names."""

from __future__ import annotations

from pathlib import Path

import torch

from rl.errors import UserError
from rl.models import base_of, load_config
from rl.ranks import launched
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


def require_engine(prepared: Prepared) -> None:
    """Refuse an engine that this launch could not start, or not ask, before anything is written. Errors: UserError."""
    part = prepared.recipe.rollouts
    if part.engine == "workers":
        _key(prepared)
        if part.pool.weights == "nccl" and not torch.cuda.is_available():
            raise UserError("rollouts.pool.weights: nccl needs CUDA; use files")
    if part.engine != "vllm":
        longest_prompt(prepared)
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
    model_length(prepared)


def build_engine(prepared: Prepared, model: str) -> Engine:
    """The engine of `rollouts`, for the model at this path or hub name; it has no weights of its own yet."""
    part = prepared.recipe.rollouts
    if part.engine == "transformers":
        return TransformersEngine(batch_size=part.batch_size)
    if part.engine == "vllm":
        rank = prepared.recipe.lora.rank if prepared.recipe.lora else None
        return VllmEngine(
            base_of(model) or model,
            part.vllm,
            model_length(prepared),
            dtype_of(prepared),
            rank,
        )
    return _workers(prepared, model)


def _workers(prepared: Prepared, model: str) -> WorkersEngine:
    part, config = prepared.recipe.rollouts, prepared.config
    key = _key(prepared)
    vocabulary = load_config(model, config.trust_remote_code).get_text_config().vocab_size
    return WorkersEngine(
        [HttpWorker(address, vocabulary, key) for address in part.workers],
        Path(config.output_dir).resolve().parent / WEIGHTS,
        part.wait_minutes,
        Limits(max(1, part.pool.in_flight // launched().num_processes)),
        Timing(part.pool.seconds, part.pool.seconds_per_token, load=part.pool.load_seconds),
        _channels(part, key) if part.pool.weights == "nccl" else None,
    )


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
