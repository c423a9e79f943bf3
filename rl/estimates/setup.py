"""What memory and compute depend on: a model, how it is spread, and how it is sampled and trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rl.estimates.devices.cards import USABLE
from rl.estimates.shapes import Shape
from rl.launch.configuration import Launch

VLLM_WORKSPACE = 3e9
"""Bytes that vLLM computes with beside weights and cache: activations of a prefill, CUDA graphs. Reckoned."""


@dataclass(frozen=True)
class Setup:
    """One rank's work. Sequences are as long as they may be: `prompt` + `completion` tokens."""

    shape: Shape
    launch: Launch
    prompt: int
    completion: int
    rows: int
    """Rollouts of a micro-batch."""
    rollout_rows: int
    """Rollouts that the transformers engine runs side by side."""
    micro_batches: int = 1
    """Of an update, at least."""
    packed: int | None = None
    """Tokens of a packed micro-batch."""
    trained: int | None = None
    """Parameters that are trained, beside all of the model's, which then are frozen; None: all of the model's are."""
    weight_bytes: float = 4.0
    """Of a trained weight."""
    frozen_bytes: float = 4.0
    """Of a frozen one."""
    compute_bytes: int = 4
    """Of a number in a layer: 2 under bf16 and fp16."""
    optimizer: str = "adamw_torch_fused"
    reference: bool = False
    """A frozen copy of the model stands beside it, for the KL term."""
    checkpointing: bool = False
    offload_activations: bool = False
    """What they keep of a micro-batch's layers lies in host memory."""
    chunk: int | None = None
    """Tokens of `trainer.sequence_chunk`."""
    padding_free: bool = False
    """Rows go through the model end to end, without mask and padding."""
    sequence_ranks: int = 1
    """Ranks that share each micro-batch."""
    sharing: int = 1
    """Rollouts of a group that do so with their prompt once, where all are as long as they may be."""
    engine: Literal["transformers", "vllm", "workers"] = "transformers"
    device: float | None = None
    """Bytes of the device that a process may count on, where it is known."""
    vllm_share: float = 0.0
    """Of all of the device's memory, to a vLLM engine beside the trainer."""
    vllm_sleep: int = 0
    """Whether it gives that back while the update runs: 1 or 2."""
    tensor_parallel: int = 1
    """Ranks that share a vLLM engine."""
    vllm_rollouts: int = 1
    """Of a round, that one vLLM engine samples."""
    answered: int = 0
    """Tokens of a prompt and its completion in evaluations and a probe, at most; 0 where there is neither."""
    cpu: bool = False

    @property
    def length(self) -> int:
        return self.prompt + self.completion

    @property
    def vllm_bytes(self) -> float:
        """Of a rank's device, to vLLM; 0 where the device is not known."""
        return self.vllm_share * (self.device or 0.0) / USABLE if self.engine == "vllm" else 0.0

    @property
    def vllm_fixed(self) -> float:
        """What a vLLM engine holds beside its cache: weights in half precision, what it computes with, CUDA graphs."""
        return 2.0 * self.shape.parameters + VLLM_WORKSPACE

    @property
    def tokens(self) -> int:
        """Of a micro-batch at most, padding counted; a row above `packed` goes alone."""
        return self.rows * self.length if self.packed is None else max(self.packed, self.length)

    @property
    def own_tokens(self) -> int:
        """Of a micro-batch, those that one of the ranks that share it takes through the model."""
        return -(-self.tokens // self.sequence_ranks)

    @property
    def micro_rows(self) -> int:
        """Rollouts of a micro-batch, if all are as long as they may be."""
        return max(1, self.tokens // self.length)

    @property
    def deepspeed_half(self) -> bool:
        """DeepSpeed computes in half-precision weights and keeps whole ones in the optimiser's states."""
        return self.launch.sharding.startswith("zero") and self.compute_bytes < 4

    @property
    def autocast(self) -> bool:
        """Layers compute in less than their weights are kept in, a cast at a time."""
        return self.compute_bytes < self.weight_bytes and self.launch.sharding in ("none", "ddp")
