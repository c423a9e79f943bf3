"""How a worker is started, and vLLM's command line for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from rl.errors import UserError
from rl.models import resolve_model
from rl.rollouts.vllm.prefill import prefill
from rl.rollouts.weights import room_for

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker is started; lengths are tokens."""

    model: str
    port: int
    host: str = "127.0.0.1"
    api_key: str | None = None
    dtype: str = "auto"
    max_model_len: int | None = None
    tensor_parallel_size: int = 1
    data_parallel_size: int = 1
    gpu_memory_utilization: float = 0.9
    with_weights: bool = False
    adapter_rank: int | None = None
    """Take LoRA adapters up to this rank; the base model's weights are read then."""
    nccl: bool = False
    uploads: Path | None = None

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not self.api_key:
            raise UserError(f"--host {self.host} is open to others: give a key by --api-key-env, or keep to 127.0.0.1")
        if self.nccl and not torch.cuda.is_available():
            raise UserError("--nccl needs CUDA; without it weights come through a folder or as an upload")

    @property
    def compute_dtype(self) -> str:
        """`auto` is bfloat16 on CUDA and float32 on a CPU."""
        return {"auto": "bfloat16" if torch.cuda.is_available() else "float32"}.get(self.dtype, self.dtype)

    @property
    def blank(self) -> bool:
        """Whether it begins without the model's weights."""
        return not self.with_weights and self.adapter_rank is None

    def arguments(self) -> list[str]:
        """The command line of vLLM's server."""
        values = {
            "model": resolve_model(self.model),
            "host": self.host,
            "port": self.port,
            "dtype": self.compute_dtype,
            "load-format": "dummy" if self.blank else "auto",
            "worker-extension-cls": "rl.rollouts.vllm.worker.WeightWorker",
            "logprobs-mode": "processed_logprobs",
            "generation-config": "vllm",
            "tensor-parallel-size": self.tensor_parallel_size,
            "data-parallel-size": self.data_parallel_size,
            "gpu-memory-utilization": self.gpu_memory_utilization,
        }
        flags = ["enable-scale-out", "enable-prefix-caching", "disable-uvicorn-access-log"]
        if self.max_model_len is not None:
            values["max-model-len"] = self.max_model_len
        if self.adapter_rank is not None:
            values |= {"max-lora-rank": room_for(self.adapter_rank)}
            flags.append("enable-lora")
        if self.nccl:
            values["weight-transfer-config"] = json.dumps({"backend": "nccl"})
        cuda = torch.cuda.is_available()
        if not cuda:
            flags.append("enforce-eager")
        chunked, batch_tokens = prefill(cuda, self.max_model_len)
        flags.append("enable-chunked-prefill" if chunked else "no-enable-chunked-prefill")
        if batch_tokens is not None:
            values["max-num-batched-tokens"] = batch_tokens
        return [*(f"--{key}={value}" for key, value in values.items()), *(f"--{flag}" for flag in flags)]
