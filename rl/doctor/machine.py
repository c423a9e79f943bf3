"""Disk, memory, shared memory and open files, against what a run takes."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rl.doctor.finding import GIB, Finding, fail, ok, size, warn

LITTLE_DISK, LITTLE_MEMORY, LITTLE_SHARED = 5 * GIB, 4 * GIB, GIB
FEW_FILES = 4096
"""Open files: a rollout under way is a connection, and a recipe has up to 256 of them a worker."""
HELD, TRAINED, SAVED = 4, 3 * 4, 3 * 4
"""Bytes a parameter, in float32: to have it, to train it (its gradient, Adam's two moments), and in a checkpoint."""


@dataclass(frozen=True)
class Weight:
    """What a recipe's model comes to."""

    parameters: int
    trained: int
    """Those of an adapter, or all."""
    checkpoints: int
    """How many are kept."""

    @property
    def disk(self) -> int:
        """Bytes: those that are kept, the one being written, and the final model."""
        return self.trained * (SAVED * (self.checkpoints + 1) + HELD)

    @property
    def memory(self) -> int:
        return self.parameters * HELD + self.trained * TRAINED


def check_disk(folder: Path, free: int, weight: Weight | None) -> Finding:
    here = f"{size(free)} free for {folder}"
    move = "make room, or choose another --out"
    if weight is None:
        return ok(here) if free >= LITTLE_DISK else (warn if free >= LITTLE_DISK // 50 else fail)(here, move)
    needed = f"{weight.checkpoints + 1} checkpoints and the final model take {size(weight.disk)}"
    fewer = f"{move}, or set trainer.save_total_limit lower"
    if free < weight.disk:
        return fail(f"{here}, and {needed}", fewer)
    return ok(f"{here}; {needed}") if free >= 1.5 * weight.disk else warn(f"{here}, and {needed}", fewer)


def check_memory(available: int, weight: Weight | None, device: bool) -> Finding:
    """`device`: whether the model is trained in a device's memory instead."""
    here = f"{size(available)} of memory free"
    if weight is not None and not device and weight.memory > available:
        return fail(
            f"{here}, and weights, gradients and Adam take {size(weight.memory)}",
            "take a smaller model, or a machine with more",
        )
    if available < LITTLE_MEMORY:
        return warn(here, "end what else runs here; the verifier's processes alone take 0.5 GiB")
    return ok(here)


def check_shared_memory(free: int | None) -> Finding:
    if free is None:
        return ok("no /dev/shm to run out of")
    if free < LITTLE_SHARED:
        return warn(
            f"/dev/shm has {size(free)} free; NCCL and vLLM share memory through it",
            "docker run --shm-size=16g (or --ipc=host)",
        )
    return ok(f"/dev/shm has {size(free)} free")


def check_open_files(limit: int, most: int) -> Finding:
    if limit < FEW_FILES:
        remedy = f"ulimit -n {min(most, 65536)}" if most > limit else "raise nofile in limits.conf, or --ulimit nofile"
        return warn(f"a process may open {limit} files, fewer than {FEW_FILES}", remedy)
    return ok(f"a process may open {limit} files")


def available_memory(meminfo: str, limits: Mapping[str, str | None], used: Mapping[str, str | None]) -> int:
    """Bytes: what the kernel says is available, or what is left below the least limit of a control group."""
    found = [next(int(line.split()[1]) * 1024 for line in meminfo.splitlines() if line.startswith("MemAvailable"))]
    for name, limit in limits.items():
        taken = used.get(name)
        if limit and limit.strip().isdigit() and taken and taken.strip().isdigit():
            found.append(max(0, int(limit) - int(taken)))
    return min(found)


# Facts ---------------------------------------------------------------------------------------


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def examine(out: Path, weight: Weight | None, device: bool) -> list[Finding]:
    shared = Path("/dev/shm")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    groups = {  # control groups of version 2 and 1
        "2": ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        "1": ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    }
    available = available_memory(
        Path("/proc/meminfo").read_text() if Path("/proc/meminfo").exists() else _total_memory(),
        {name: _read(limit) for name, (limit, _) in groups.items()},
        {name: _read(used) for name, (_, used) in groups.items()},
    )
    return [
        check_disk(out, shutil.disk_usage(existing(out)).free, weight),
        check_memory(available, weight, device),
        check_shared_memory(shutil.disk_usage(shared).free if shared.is_dir() else None),
        check_open_files(soft, hard),
    ]


def _total_memory() -> str:
    """Where there is no /proc, all of it."""
    return f"MemAvailable: {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 1024} kB"


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None
