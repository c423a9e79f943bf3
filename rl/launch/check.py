"""Whether a launch has the ranks it was asked for. Too few train without a word, each as if it were alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

import psutil
from accelerate.commands.config.config_args import default_config_file, load_config_from_file
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import DistributedType

from rl.errors import UserError
from rl.ranks import launched

MPI_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
SHARDED = {"ACCELERATE_USE_FSDP": DistributedType.FSDP, "ACCELERATE_USE_DEEPSPEED": DistributedType.DEEPSPEED}
NEAR = 4
"""How many ancestors of this process may lie between it and its launcher's command line."""


def require_ranks() -> None:
    """Refuse a launch of fewer ranks than were asked for. Errors: UserError, on every rank."""
    ranks = launched().num_processes
    for count, asked, remedy in _asked(os.environ, _command_lines()):
        if count != ranks:
            raise UserError(f"{asked} for {count} ranks, and this launch has {ranks}: {remedy}")


def require_sharding(got: DistributedType) -> None:
    """Refuse a launch that was to shard the model and does not, as accelerate has none without an accelerator."""
    for name, wanted in SHARDED.items():
        if os.environ.get(name, "").lower() == "true" and got != wanted:
            raise UserError(
                f"{name} asks for {wanted.value}, and accelerate has given {got.value}: it shards on accelerators "
                "only, with a launcher's ranks; use accelerate launch on GPUs, or DDP"
            )


def _asked(environment: Mapping[str, str], commands: Sequence[Sequence[str]]) -> Iterator[tuple[int, str, str]]:
    """How many ranks, who asks for them, and what to do where they are not there."""
    with_torchrun = "start them by torchrun or accelerate launch on GPUs, which set WORLD_SIZE"
    if "WORLD_SIZE" in environment:
        yield int(environment["WORLD_SIZE"]), "WORLD_SIZE asks", "unset it, or start the others"
    else:
        tasks = int(environment.get("SLURM_STEP_NUM_TASKS") or environment.get("SLURM_NTASKS") or 1)
        if tasks > 1:
            yield tasks, "SLURM asks", f"each task would train alone; {with_torchrun}, or use one task"
        for name in MPI_SIZES:
            if int(environment.get(name, 1)) > 1:
                yield int(environment[name]), f"{name} asks", with_torchrun
    for command in commands:
        if (count := launched_ranks(command)) is not None:
            on_cpus = "without GPUs it starts more for a file such as experiments/cluster/ddp.yaml alone; use one"
            yield count, "accelerate launch was asked", on_cpus
            return


def _command_lines() -> list[Sequence[str]]:
    """Of this process's nearest ancestors."""
    found: list[Sequence[str]] = []
    with contextlib.suppress(psutil.Error):
        for ancestor in psutil.Process().parents()[:NEAR]:
            with contextlib.suppress(psutil.Error):
                found.append(ancestor.cmdline())
    return found


def launched_ranks(command: Sequence[str]) -> int | None:
    """The ranks that this command line asks `accelerate launch` for; None: it asks for none, or is another's."""
    names = [part.rpartition("/")[2] for part in command]
    if "accelerate-launch" in names:
        own = command[names.index("accelerate-launch") + 1 :]
    elif "accelerate" in names and "launch" in names[names.index("accelerate") :]:
        own = command[names.index("launch", names.index("accelerate")) + 1 :]
    else:
        return None
    try:
        arguments, _ = launch_command_parser().parse_known_args(list(own))
    except SystemExit:
        return None
    if arguments.num_processes is not None:
        return int(arguments.num_processes)
    file = arguments.config_file or default_config_file
    if not os.path.isfile(file):
        return None
    with contextlib.suppress(ValueError, OSError):
        return int(load_config_from_file(file).num_processes)
    return None
