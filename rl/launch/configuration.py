"""How a run is spread over ranks: what an accelerate configuration file says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from rl.errors import UserError

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


def read_launch(given: str) -> Launch:
    """The launch of an accelerate YAML file, or of so many DDP ranks. Errors: UserError."""
    if given.isdecimal() and int(given) > 0:
        return Launch(int(given), "ddp" if int(given) > 1 else "none")
    path = Path(given)
    if not path.is_file():
        raise UserError(f"--launch {given!r} is neither a file nor a number of ranks; experiments/cluster has examples")
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, Mapping) or "distributed_type" not in values:
        raise UserError(f"{path} is no accelerate configuration: it has no distributed_type")
    return _launch(values, path)


def _launch(values: Mapping[str, Any], path: Path) -> Launch:
    ranks, precision, cpu = int(values.get("num_processes") or 1), values.get("mixed_precision"), values.get("use_cpu")
    kind = str(values["distributed_type"])
    if kind == "FSDP":
        options = values.get("fsdp_config") or {}
        if int(options.get("fsdp_version", 1)) != 2:
            raise UserError(f"{path}: fsdp_version must be 2; its first version is not supported")
        away = bool(options.get("fsdp_offload_params"))
        return Launch(ranks, "fsdp", away, away, precision, bool(cpu))
    if kind == "DEEPSPEED":
        options = values.get("deepspeed_config") or {}
        stage = int(options.get("zero_stage", 2))
        stages: dict[int, Sharding] = {0: "ddp", 1: "zero1", 2: "zero2", 3: "zero3"}
        if stage not in stages:
            raise UserError(f"{path}: zero_stage must be 0, 1, 2 or 3, not {stage}")
        host = [str(options.get(f"offload_{part}_device") or "none") != "none" for part in ("optimizer", "param")]
        return Launch(ranks, stages[stage], host[0], host[1], precision, bool(cpu))
    known = ("NO", "MULTI_GPU", "MULTI_CPU")
    if kind not in known:
        raise UserError(
            f"{path}: distributed_type {kind} is not supported; use one of {', '.join(known)}, FSDP, DEEPSPEED"
        )
    return Launch(ranks, "none" if kind == "NO" else "ddp", precision=precision, cpu=bool(cpu))
