"""What to change where a run does not fit, cheapest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rl.estimates.memory import memory
from rl.estimates.setup import Setup
from rl.estimates.sizes import Sizes, fitting_rows, sized
from rl.updates.chunked.model import PROVEN
from rl.updates.varlen import PROVEN as ROWS_PROVEN

MOST_RANKS = 64
"""More ranks than these are not suggested."""
WORTH = 0.97
"""A remedy is named where it brings the peak below this share of what it was."""


@dataclass(frozen=True)
class Remedy:
    """A change, and the peak in bytes that is left with it and all before it."""

    text: str
    peak: float


Change = tuple[str, Setup]


def remedies(setup: Setup, room: float) -> Iterator[Remedy]:
    """Changes that help, one after the other, until the peak is within `room` bytes."""
    peak = memory(setup).peak
    for suggest in (
        _vllm,
        _fewer_rollouts,
        _fewer_rows,
        _fewer_tokens,
        _checkpoint,
        _chunk,
        _share,
        _host,
        _shard,
        _tensor_parallel,
        _workers,
        _more_ranks,
        _half_moments,
        _adapter,
        _offload,
    ):
        if peak <= room:
            return
        for text, changed in suggest(setup, room):
            left = memory(changed).peak
            if left < WORTH * peak:
                setup, peak = changed, left
                yield Remedy(text, peak)


def _vllm(setup: Setup, room: float) -> Iterator[Change]:
    """Which keeps its cache within a share of the device, and is faster; of quantised weights it samples nothing."""
    if setup.engine == "transformers" and not setup.cpu and setup.frozen_bytes >= 2:
        changed = sized(replace(setup, engine="vllm"), room, Sizes())[0]
        yield "rollouts.engine: vllm (pip install 'lengthwise[vllm]')", changed


def _fewer_rows(setup: Setup, room: float) -> Iterator[Change]:
    if setup.packed is None and setup.rows > 1:
        yield (
            "micro-batches of one rollout (batch.per_device: 1)",
            replace(setup, rows=1, micro_batches=setup.micro_batches * setup.rows),
        )


def _fewer_tokens(setup: Setup, room: float) -> Iterator[Change]:
    if setup.packed is not None and setup.packed > setup.length:
        fewer = replace(setup, packed=setup.length, micro_batches=max(2, setup.micro_batches))
        yield f"batch.tokens_per_micro_batch: {setup.length}", fewer


def _checkpoint(setup: Setup, room: float) -> Iterator[Change]:
    if not setup.checkpointing and setup.chunk is None:
        yield "trainer.gradient_checkpointing: true", replace(setup, checkpointing=True)


def _fewer_rollouts(setup: Setup, room: float) -> Iterator[Change]:
    if setup.engine != "transformers":
        return
    rows = fitting_rows(setup, room)
    fewer = replace(setup, rollout_rows=rows)
    found = memory(fewer)
    if rows < setup.rollout_rows and not (found.worst == "sampling" and found.peak > room):
        yield f"rollouts.batch_size: {rows}", fewer


def _workers(setup: Setup, room: float) -> Iterator[Change]:
    if setup.engine != "workers" and not setup.cpu and memory(setup).worst == "sampling":
        yield "rollouts.engine: workers, on devices of their own", replace(setup, engine="workers", vllm_share=0.0)


def _tensor_parallel(setup: Setup, room: float) -> Iterator[Change]:
    ranks = setup.tensor_parallel
    while setup.vllm_bytes and ranks < min(8, setup.launch.ranks) and memory(setup).worst == "sampling":
        ranks *= 2
        fixed = setup.vllm_fixed / ranks
        shared = replace(setup, tensor_parallel=ranks, vllm_share=min(setup.vllm_share, 1.2 * fixed / room))
        if memory(shared).peak <= room:
            yield f"rollouts.vllm.tensor_parallel_size: {ranks}", shared
            return


def _chunk(setup: Setup, room: float) -> Iterator[Change]:
    allowed = setup.shape.model_type in PROVEN and setup.launch.sharding in ("none", "ddp", "zero1", "zero2")
    if setup.chunk is None and allowed and setup.completion > 1024:
        yield "trainer.sequence_chunk: 1024", replace(setup, chunk=1024, checkpointing=False)


def _share(setup: Setup, room: float) -> Iterator[Change]:
    shape, launch = setup.shape, setup.launch
    if setup.packed is None or setup.sequence_ranks > 1 or shape.model_type not in ROWS_PROVEN:
        return
    groups = [n for n in (2, 4, 8) if launch.ranks % n == 0 and shape.heads % n == 0]
    changes = [replace(setup, sequence_ranks=n, micro_batches=setup.micro_batches * n) for n in groups]
    if changes:
        enough = [changed for changed in changes if memory(changed).peak <= room]
        changed = (enough or changes[-1:])[0]
        yield f"trainer.sequence_ranks: {changed.sequence_ranks}", changed


def _host(setup: Setup, room: float) -> Iterator[Change]:
    if (setup.checkpointing or setup.chunk) and not setup.offload_activations and not setup.cpu:
        yield "trainer.offload_activations: true", replace(setup, offload_activations=True)


def _half_moments(setup: Setup, room: float) -> Iterator[Change]:
    if setup.optimizer.startswith("adamw") and "8bit" not in setup.optimizer and not setup.cpu:
        yield "trainer.optim: adamw_8bit (bitsandbytes)", replace(setup, optimizer="adamw_8bit")


def _shard(setup: Setup, room: float) -> Iterator[Change]:
    launch = setup.launch
    if launch.shares_weights or setup.cpu:
        return
    ranks = max(8, launch.ranks)
    text = f"FSDP2 over {ranks} ranks (experiments/cluster/fsdp2.yaml)"
    yield text, replace(setup, launch=replace(launch, ranks=ranks, sharding="fsdp"), chunk=None, checkpointing=True)


def _more_ranks(setup: Setup, room: float) -> Iterator[Change]:
    if not setup.launch.shares_weights:
        return
    ranks = setup.launch.ranks
    while ranks < MOST_RANKS and memory(replace(setup, launch=replace(setup.launch, ranks=ranks))).peak > room:
        ranks *= 2
    yield f"{ranks} ranks", replace(setup, launch=replace(setup.launch, ranks=ranks))


def _adapter(setup: Setup, room: float) -> Iterator[Change]:
    if setup.trained is None:
        adapter = replace(setup, trained=setup.shape.adapter_parameters(16), reference=False)
        yield (
            "lora: {rank: 16}, on a model in bf16 (trainer.model_init_kwargs: {dtype: bfloat16})",
            replace(adapter, frozen_bytes=2.0),
        )


def _offload(setup: Setup, room: float) -> Iterator[Change]:
    if not setup.launch.offload_weights and not setup.cpu:
        away = replace(setup.launch, sharding="zero3", offload_optimizer=True, offload_weights=True)
        yield "ZeRO-3 with offload (experiments/cluster/zero3_offload.yaml)", replace(setup, launch=away)
