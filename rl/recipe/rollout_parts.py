"""The part of a recipe that says how completions are sampled: which engine, and how it is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Samples = Annotated[int, Field(ge=1, le=65_536)]
"""Answers to one problem."""
Above = Annotated[float, Field(gt=0)]

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class VllmPart:
    """The vLLM engine in the trainer's own process, one on each rank."""

    __pydantic_config__ = _STRICT
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the device's memory that the engine may take, weights included; by default what the memory estimate says
    that the trainer leaves. On a CPU of the machine's, by default 0.3."""
    tensor_parallel_size: Count = 1
    """Ranks that share one engine; they sample each other's prompts."""
    max_model_len: Count | None = None
    """Tokens of a prompt and its completion; by default what the longest prompt and the largest budget need."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto`: bfloat16 where the trainer computes in it, else float32."""
    sleep: Literal[0, 1, 2] | None = None
    """Give memory back to the update: 1 keeps the weights in host memory, 2 drops them too. CUDA only; by default 0
    where the memory estimate has room for both, else 2."""
    enforce_eager: bool = False
    """No CUDA graphs; always so on a CPU."""
    prefix_caching: bool = True
    """Compute the prompt of a group once."""


@dataclass(frozen=True)
class PoolPart:
    """How the workers engine treats its workers."""

    __pydantic_config__ = _STRICT
    in_flight: Annotated[int, Field(ge=1, le=65_536)] = 256
    """Rollouts that a worker has at a time, from all ranks together."""
    in_flight_tokens: Count | None = None
    """Tokens of their prompts and budgets, from all ranks together; a longer rollout goes alone. By default what a
    worker's cache holds, where its device is the trainer's; on a CPU 1,048,576 a rank."""
    seconds: float = 60.0
    """For any rollout, waiting in the worker's own queue included; a worker that takes longer is left out."""
    seconds_per_token: Annotated[float, Field(ge=0)] = 0.25
    """And for each token of its budget."""
    load_seconds: Annotated[float, Field(gt=0)] | None = None
    """For taking in new weights; by default 300, and 5 more for each GB and worker that they are sent to."""
    weights: Literal["files", "nccl"] = "files"
    """How they arrive: through a folder or as an upload, or over NCCL, to workers of `serve --nccl` (CUDA)."""
    api_key_env: str | None = None
    """The environment variable that holds the workers' API key, `LENGTHWISE_…`; `--api-key-env` names any other."""


@dataclass(frozen=True)
class RolloutPart:
    """How completions are sampled while training."""

    __pydantic_config__ = _STRICT
    engine: Literal["auto", "transformers", "vllm", "workers"] = "auto"
    """`auto`: vLLM in the trainer's process on CUDA, where it is installed; else transformers. A run keeps to what it
    began with."""
    batch_size: Count | None = None
    """Rollouts that the transformers engine runs side by side on one rank; by default all of a round on a CPU, and on
    CUDA as many as the memory estimate has room for."""
    vllm: VllmPart = field(default_factory=VllmPart)
    workers: list[str] = field(default_factory=list)
    """Addresses of the servers that `lengthwise serve` started, for the workers engine."""
    pool: PoolPart = field(default_factory=PoolPart)
    wait_minutes: Annotated[float, Field(ge=0)] = 30.0
    """How long a run that has lost all its workers waits for one, saved, before it ends."""
    max_staleness: int = 0
    """Rounds that the workers engine may sample ahead of training, by weights as many rounds old; 0: none. At most 1
    where `pool.weights` is `nccl`. With `partial`: rounds that a rollout may take, whatever the engine."""
    partial: bool = False
    """Close a round once enough groups are whole; the others go on in the next one, from newer weights."""
    oversample: float = 1.5
    """How many times as many groups as a round needs are under way in it, with `partial`; at most 2."""
    check_every: Count = 20
    """Optimiser steps between comparisons of the engine's log-probs with the trainer's, where it has a copy of the
    weights; the first weights are always compared."""
    truncated: Literal["wrong", "judge"] = "wrong"
    """The raw reward of a rollout cut at its budget: 0, or whatever the verifier says of its text."""
