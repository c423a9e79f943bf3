"""`lengthwise serve`: a rollout worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.secrecy import key_of


def serve(
    model: Annotated[str, typer.Option(help="A path, a hub name, or `demo`: the model whose weights will come.")],
    port: Annotated[int, typer.Option(help="Where to listen.")],
    host: Annotated[str, typer.Option(help="Where to listen; others than loopback need a key.")] = "127.0.0.1",
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable with a key that every request must carry.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, or auto: bfloat16 on CUDA, float32 without.")] = "auto",
    max_model_len: Annotated[int | None, typer.Option(help="Tokens of a prompt and its completion.")] = None,
    tensor_parallel_size: Annotated[int, typer.Option(help="Devices that share one copy of the model.")] = 1,
    data_parallel_size: Annotated[int, typer.Option(help="Copies of the model behind this address.")] = 1,
    gpu_memory_utilization: Annotated[float, typer.Option(help="Share of each device's memory.")] = 0.9,
    with_weights: Annotated[
        bool, typer.Option("--with-weights", help="Read the model's weights, instead of waiting for a trainer's.")
    ] = False,
    adapter_rank: Annotated[int | None, typer.Option(help="Take LoRA adapters up to this rank.")] = None,
    nccl: Annotated[bool, typer.Option("--nccl", help="Take weights over NCCL; CUDA only.")] = False,
    uploads: Annotated[Path | None, typer.Option(help="Where to keep uploaded weights; a temporary folder.")] = None,
) -> None:
    """Start a rollout worker: vLLM's server, with weights that a trainer sends. Needs vLLM."""
    from rl.rollouts.vllm.options import WorkerOptions
    from rl.rollouts.vllm.serving import serve as run_worker

    run_worker(
        WorkerOptions(
            model=model,
            port=port,
            host=host,
            api_key=key_of(api_key_env, "--api-key-env") if api_key_env else None,
            dtype=dtype,
            max_model_len=max_model_len,
            tensor_parallel_size=tensor_parallel_size,
            data_parallel_size=data_parallel_size,
            gpu_memory_utilization=gpu_memory_utilization,
            with_weights=with_weights,
            adapter_rank=adapter_rank,
            nccl=nccl,
            uploads=uploads,
        )
    )
