"""What a worker knows about its weights, and how new ones come to its engine: looked at first, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rl.rollouts.vllm.fitting import Misfit, Model, model_of
from rl.rollouts.vllm.options import WorkerOptions
from rl.rollouts.weights import adapter_rank

ADAPTER_NAME = "policy"
"""What requests give as `model` to sample with the adapter that was sent last."""
TRANSFER = BEGIN, SEND, END = "/start_weight_update", "/update_weights", "/finish_weight_update"
"""vLLM's endpoints for weights over NCCL."""


@dataclass
class Worker:
    """What a running worker knows about its weights. `engine` and `models` are vLLM's, of the serving app."""

    options: WorkerOptions
    engine: Any
    models: Any
    max_model_len: int
    uploads: Path
    version: int | None = None
    problem: str = ""
    came: bool = False
    """Whether NCCL has brought weights since the last load."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _model: Model | None = None
    _sent: bool = False

    def __post_init__(self) -> None:
        self.problem = "no weights yet" if self.options.blank else ""

    def health(self) -> dict[str, Any]:
        problem = "vLLM's engine has died" if self.engine.errored else self.problem
        adapter = self.options.adapter_rank is not None and self.version is not None
        return {
            "ready": not problem,
            "version": self.version,
            "problem": problem,
            "dtype": self.options.compute_dtype,
            "model": self.options.model,
            "max_model_len": self.max_model_len,
            "adapter_name": ADAPTER_NAME if adapter else None,
            "adapter_rank": self.options.adapter_rank,
        }

    async def load(self, folder: Path | None, version: int, between_tokens: bool = False) -> None:
        """Once no request is in flight, sample from the weights in `folder`, or from what NCCL has brought.

        `between_tokens`: at once. What is in flight goes on, its keys and values computed anew by these weights.

        Errors: Misfit before the engine is touched, or what vLLM raises; it is not ready then, and takes the next.
        """
        async with self._turn:
            try:
                if folder is not None:
                    await asyncio.to_thread(self._require_fit, folder)
                elif not self.came:
                    raise Misfit("no weights have come over NCCL")
                mode = "keep" if between_tokens else "wait"
                await self.engine.pause_generation(mode=mode, clear_cache=not between_tokens)
                try:
                    self.problem = f"weights {version} are being loaded"
                    if folder is not None:
                        await self._take(folder)
                    await self.engine.reset_prefix_cache(reset_running_requests=between_tokens)
                    await self.engine.update_weight_version(str(version))
                    self.version, self.problem, self.came = version, "", False
                finally:
                    await self.engine.resume_generation()
            except BaseException as error:
                self.version, self.problem = None, f"weights {version} could not be loaded: {line_of(error)}"
                raise

    def _require_fit(self, folder: Path) -> None:
        self._model = self._model or model_of(self.options.model)
        self._model.require_fit(folder, self.options.adapter_rank)

    def transfer(self, path: str, status: int | None) -> None:
        """A request of vLLM's own for weights by NCCL: begun, or answered with this status."""
        if path == BEGIN and status is None:
            self.version, self.problem, self.came, self._sent = None, "weights are coming over NCCL", False, False
        elif path == SEND and status is not None:
            self._sent = status == 200
        elif path == END and status is not None:
            self.came = self._sent and status == 200

    async def _take(self, folder: Path) -> None:
        if adapter_rank(folder) is None:
            await self.engine.collective_rpc("take_folder", args=(str(folder),))
            return
        from vllm.entrypoints.serve.engine.protocol import ErrorResponse
        from vllm.entrypoints.serve.lora.protocol import LoadLoRAAdapterRequest

        request = LoadLoRAAdapterRequest(lora_name=ADAPTER_NAME, lora_path=str(folder), load_inplace=True)
        answer = await self.models.load_lora_adapter(request)
        if isinstance(answer, ErrorResponse):
            raise ValueError(answer.error.message)


def line_of(error: BaseException) -> str:
    """An error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
