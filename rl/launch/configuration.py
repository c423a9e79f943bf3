"""How a run is spread over ranks: what an accelerate configuration file says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from rl.errors import UserError
from rl.reading import plain_yaml_of

Sharding = Literal["none", "ddp", "fsdp", "zero1", "zero2", "zero3"]


@dataclass(frozen=True)
class Launch:
    """Ranks, and what of a model's states each holds only a share of."""

    ranks: int = 1
    sharding: Sharding = "none"
    offload_optimizer: bool = False
    """Optimiser states lie in host memory."""
    offload_weights: bool = False
    """So do the weights that a rank holds, and their gradients."""
    precision: str | None = None
    """`bf16`, `fp16` or `no`, where the launch says."""
    cpu: bool = False

    @property
    def shares_weights(self) -> bool:
        return self.sharding in ("fsdp", "zero3")

    @property
    def shares_gradients(self) -> bool:
        return self.sharding in ("fsdp", "zero2", "zero3")

    @property
    def shares_optimizer(self) -> bool:
        return self.sharding in ("fsdp", "zero1", "zero2", "zero3")

    def describe(self) -> str:
        names = {
            "none": "no sharding",
            "ddp": "DDP, whole states on each rank",
            "fsdp": "FSDP2, weights, gradients and optimiser sharded",
            "zero1": "DeepSpeed ZeRO-1, optimiser sharded",
            "zero2": "DeepSpeed ZeRO-2, gradients and optimiser sharded",
            "zero3": "DeepSpeed ZeRO-3, weights, gradients and optimiser sharded",
        }
        away = {"optimiser": self.offload_optimizer, "weights": self.offload_weights}
        host = ", ".join(f"{name} in host memory" for name, is_away in away.items() if is_away)
        return f"{self.ranks} rank{'s' * (self.ranks > 1)}, {names[self.sharding]}" + (f", {host}" if host else "")


@dataclass(frozen=True)
class _FSDP:
    fsdp_version: int | None = 1
    fsdp_offload_params: bool | None = None


@dataclass(frozen=True)
class _DeepSpeed:
    zero_stage: int = 2
    offload_optimizer_device: str | None = None
    offload_param_device: str | None = None


@dataclass(frozen=True)
class _File:
    """What of accelerate's file is read here; the rest is accelerate's."""

    distributed_type: str
    num_processes: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    mixed_precision: Literal["no", "fp16", "bf16", "fp8"] | None = None
    use_cpu: bool | None = None
    fsdp_config: _FSDP | None = None
    deepspeed_config: _DeepSpeed | None = None


def read_launch(given: str) -> Launch:
    """The launch of an accelerate YAML file, or of so many DDP ranks. Errors: UserError."""
    if given.isdecimal() and int(given) > 0:
        return Launch(int(given), "ddp" if int(given) > 1 else "none")
    path = Path(given)
    if not path.is_file():
        raise UserError(f"--launch {given!r} is neither a file nor a number of ranks; experiments/cluster has examples")
    values = plain_yaml_of(path)
    if not isinstance(values, Mapping) or "distributed_type" not in values:
        raise UserError(f"{path} is no accelerate configuration: it has no distributed_type")
    try:
        return _launch(TypeAdapter(_File).validate_python(values), path)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(map(str, wrong["loc"]))
        raise UserError(f"{path}: {key}: {wrong['msg']}, not {str(wrong['input'])[:40]!r}") from None


def _launch(file: _File, path: Path) -> Launch:
    ranks, precision, cpu = file.num_processes or 1, file.mixed_precision, bool(file.use_cpu)
    if file.distributed_type == "FSDP":
        fsdp = file.fsdp_config or _FSDP()
        if fsdp.fsdp_version != 2:
            raise UserError(f"{path}: fsdp_version must be 2; its first version is not supported")
        away = bool(fsdp.fsdp_offload_params)
        return Launch(ranks, "fsdp", away, away, precision, cpu)
    if file.distributed_type == "DEEPSPEED":
        deepspeed = file.deepspeed_config or _DeepSpeed()
        stages: dict[int, Sharding] = {0: "ddp", 1: "zero1", 2: "zero2", 3: "zero3"}
        if deepspeed.zero_stage not in stages:
            raise UserError(f"{path}: zero_stage must be 0, 1, 2 or 3, not {deepspeed.zero_stage}")
        places = (deepspeed.offload_optimizer_device, deepspeed.offload_param_device)
        optimizer, weights = (place not in (None, "none") for place in places)
        return Launch(ranks, stages[deepspeed.zero_stage], optimizer, weights, precision, cpu)
    known = ("NO", "MULTI_GPU", "MULTI_CPU")
    if file.distributed_type not in known:
        raise UserError(
            f"{path}: distributed_type {file.distributed_type} is not supported; "
            f"use one of {', '.join(known)}, FSDP, DEEPSPEED"
        )
    return Launch(ranks, "none" if file.distributed_type == "NO" else "ddp", precision=precision, cpu=cpu)
